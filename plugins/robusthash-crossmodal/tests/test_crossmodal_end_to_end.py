"""Two-tower models through the public command: trained, stored, evaluated in both cross directions, and refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robusthash.checkpoints import read_description
from robusthash.cli import run
from robusthash.contracts import TEXT, ArrayTexts, CrossModalHashModel, DatasetContext, RetrievalData, Split
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.host import PluginHost, PluginKind
from robusthash.results import CLEAN, ResultStore

FAST = ["-o", "train.epochs=6"]


@pytest.fixture(scope="module")
def checkpoint(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FPAD's networks, trained on the digits with texts, which the model's spec names."""
    path = tmp_path_factory.mktemp("towers") / "fpad.safetensors"
    assert run(["train", "--model", "fpad-net", "--bits", "16", "--quiet", "--output", str(path), *FAST]) == 0
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def test_a_checkpoint_describes_both_towers(checkpoint: Path) -> None:
    description = read_description(checkpoint)
    assert description.dataset == "pairs-digits"
    assert description.backbone.name == "small-cnn"
    tower = description.towers[TEXT]
    assert tower.backbone.name == "words-mlp"
    assert (tower.width, tower.low, tower.high, tower.levels) == (96, 0.0, 1.0, None)
    assert tower.vocabulary


def test_both_cross_directions_are_evaluated_unless_others_are_named(checkpoint: Path, results: Path) -> None:
    given = ["eval", "--model", str(checkpoint), "--attack", "noise", "--queries", "60", "--quiet"]
    assert run([*given, "--results", str(results)]) == 0
    found = {one.victim.direction: one for one in ResultStore(results).load_all()[0]}
    assert set(found) == {"i2t", "t2i"}
    for one in found.values():
        assert one.dataset.name == "pairs-digits"
        assert one.victim.model.backbone == "small-cnn+words-mlp"
        assert one.measure(CLEAN).value > 0.7
    assert run([*given, "--direction", "t2t", "--results", str(results)]) == 0
    assert {one.victim.direction for one in ResultStore(results).load_all()[0]} == {"i2t", "t2i", "t2t"}


def test_a_stored_model_computes_what_it_computed(checkpoint: Path) -> None:
    from robusthash.api.checkpoint import Checkpoint

    one, other = (Checkpoint.read(checkpoint).load() for _ in range(2))
    assert isinstance(one, CrossModalHashModel)
    assert isinstance(other, CrossModalHashModel)
    texts = (torch.rand(5, 96, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    assert torch.equal(one.tower(TEXT).codes(texts), other.tower(TEXT).codes(texts))


def test_another_vocabulary_is_refused(checkpoint: Path, cache: Path, results: Path) -> None:
    """The same words in another order would be other texts."""
    host = PluginHost.load()
    dataset = host.create(host.find(PluginKind.DATASET, "pairs-digits"), {})
    data = dataset.load(DatasetContext(root=None, cache=cache))  # type: ignore[attr-defined]

    def turned(split: Split) -> Split:
        view = split.view(TEXT)
        assert isinstance(view, ArrayTexts)
        assert view.vocabulary is not None
        other = ArrayTexts(view.array.flip(1), view.modality, tuple(reversed(view.vocabulary)))
        return replace(split, views={**split.views, TEXT: other})

    changed: RetrievalData = replace(
        data, query=turned(data.query), database=turned(data.database), train=turned(data.train)
    )
    request = Request(models=(str(checkpoint),), attacks=("noise",), setting=RunSettings(dataset=changed))
    outcome = evaluate(request, host, results=results)
    assert outcome.failures
    assert "another vocabulary" in outcome.failures[0].error.message


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--model", "dcmh", "--dataset", "digits"], "takes images and texts, and dataset digits has no texts"),
        (["--model", "dcmh", "-o", "dcmh.text=small-cnn"], "backbone 'small-cnn' of robusthash-models"),
        (["--model", "dpsh", "--backbone", "words-mlp"], "is for texts"),
        (["--model", "dcmh", "-o", "dcmh.text=nothing"], "nothing"),
    ],
)
def test_what_does_not_fit_is_told(
    given: list[str], told: str, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", *given, "--output", str(tmp_path / "model.safetensors")]) == 2
    assert told in capsys.readouterr().err


def test_a_model_of_images_keeps_its_default(cache: Path, results: Path) -> None:
    given = ["eval", "--model", "phash", "--attack", "noise", "--queries", "5", "--quiet"]
    assert run([*given, "--results", str(results)]) == 0
    records = ResultStore(results).load_all()[0]
    assert {(one.dataset.name, str(one.victim.direction)) for one in records} == {("digits", "i2i")}
