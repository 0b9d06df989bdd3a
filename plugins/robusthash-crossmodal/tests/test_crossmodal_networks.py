"""Networks of texts and CNN-F: the contracts, TF-IDF against scikit-learn, and what a transformer attends to."""

import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer

from robusthash.contracts import ArrayTexts, Modality, TextBackbone
from robusthash.errors import CheckpointError, OptionError
from robusthash.specs import BackboneSpec
from robusthash.testing import TextBackboneContract
from robusthash_crossmodal.victims.networks.cnnf import CnnF
from robusthash_crossmodal.victims.networks.transformer import WordsTransformer
from robusthash_crossmodal.victims.networks.words import TfIdf, WordsMLP
from robusthash_crossmodal.victims.specs import backbones

SPECS = {spec.name: spec for spec in backbones()}


class TestWordsMLP(TextBackboneContract):
    @pytest.fixture(
        params=[WordsMLP(widths=(16,)), WordsMLP(widths=(16, 8), batch_norm=True, dropout=0.5)], ids=["plain", "fpad"]
    )
    def backbone(self, request: pytest.FixtureRequest) -> TextBackbone:
        made: TextBackbone = request.param
        return made

    @pytest.fixture
    def spec(self) -> BackboneSpec:
        return SPECS["words-mlp"]


class TestWordsTfIdf(TextBackboneContract):
    @pytest.fixture
    def backbone(self) -> TextBackbone:
        return WordsMLP(widths=(16,), tfidf=True)

    @pytest.fixture
    def spec(self) -> BackboneSpec:
        return SPECS["words-tfidf"]


class TestWordsTransformer(TextBackboneContract):
    @pytest.fixture
    def backbone(self) -> TextBackbone:
        return WordsTransformer(width=16, heads=2, tokens=12)

    @pytest.fixture
    def spec(self) -> BackboneSpec:
        return SPECS["words-transformer"]


def test_tfidf_is_that_of_scikit_learn() -> None:
    bags = (torch.rand(30, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    bags[:, 0] = 0.0  # a word that no text has
    bags[4] = 0.0  # a text without words
    weighting = TfIdf(12)
    weighting.count(ArrayTexts(bags))
    wanted = TfidfTransformer().fit(bags.numpy()).transform(bags.numpy()).toarray()
    torch.testing.assert_close(weighting(bags), torch.from_numpy(wanted).float(), rtol=1e-6, atol=1e-6)


def test_a_transformer_attends_to_the_words_of_a_text_alone() -> None:
    """Absent words change nothing, their order in the vocabulary neither, and the amount of a word counts."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, _ = WordsTransformer(width=16, heads=2, tokens=8).build(Modality.text(20))
    network.eval()
    text = torch.zeros(1, 20)
    text[0, [3, 7]] = 1.0
    alone = network(text)
    with torch.no_grad():
        network.embedding.weight[[0, 1, 2]] += 5.0
    torch.testing.assert_close(network(text), alone)
    less = text.clone()
    less[0, 7] = 0.5
    assert not torch.allclose(network(less), alone)


def test_cnn_f_has_4096_features_of_224_pixels() -> None:
    with torch.device("meta"):
        network, width = CnnF().build("none")
        assert network(torch.empty(2, 3, 224, 224)).shape == (2, width)
    assert width == 4096
    with pytest.raises(CheckpointError, match="no weights of cnn-f"):
        CnnF().build("default")


@pytest.mark.parametrize("options", [{"widths": ()}, {"widths": (0,)}, {"dropout": 1.0}])
def test_bad_options_of_perceptrons_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        WordsMLP(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"width": 10, "heads": 4}, {"tokens": 0}])
def test_bad_options_of_transformers_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        WordsTransformer(**options)
