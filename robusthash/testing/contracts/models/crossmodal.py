"""What a cross-modal loss and a network of texts promise.

::

    class TestMyLoss(CrossModalObjectiveContract):
        @pytest.fixture
        def objective(self) -> CrossModalObjective:
            return MyLoss(weight=0.1)
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import (
    IMAGE,
    TEXT,
    ArrayTexts,
    CrossModalObjective,
    HashModel,
    Modality,
    PairedBatch,
    Randomness,
    TextBackbone,
    TowerBatch,
    TrainStep,
    evaluating,
    seeded,
)
from robusthash.hashing import binarise
from robusthash.testing.contracts.models.hashing import ModelContract
from robusthash.testing.contracts.objects import PluginObjectContract
from robusthash.training import TextNetwork

_WIDTH = 12  #: of features, and of what is known before a training
_TOWERS = (IMAGE, TEXT)


class CrossModalObjectiveContract(PluginObjectContract):
    """The contract of losses over two towers.

    Attributes:
        bits: code length of the tests.
    """

    bits = 16

    @pytest.fixture
    def objective(self) -> CrossModalObjective:
        """The objective under test; a subclass overrides this."""
        pytest.skip("override the fixture `objective` in a subclass")

    @pytest.fixture
    def plugin_object(self, objective: CrossModalObjective) -> object:
        """The objective."""
        return objective

    @pytest.fixture
    def labels(self) -> Tensor:
        """Ninety-six items of four classes: (96, 4) float."""
        return torch.eye(4)[torch.arange(96) % 4]

    @pytest.fixture
    def logits(self, labels: Tensor) -> dict[str, Tensor]:
        """Random logits of both towers: (96, bits) float each."""
        generator = torch.Generator().manual_seed(0)
        return {name: torch.randn(len(labels), self.bits, generator=generator) for name in _TOWERS}

    def test_loss_is_a_finite_scalar(
        self, objective: CrossModalObjective, logits: dict[str, Tensor], labels: Tensor
    ) -> None:
        """From the first epoch to the last, for logits of unusual magnitude, and for items without labels."""
        for epoch in (0, 9):
            for scale in (0.0, 1.0, 100.0):
                scaled = {name: scale * one for name, one in logits.items()}
                for given in (labels, torch.zeros_like(labels)):
                    loss = self.loss(objective, scaled, given, epoch)
                    assert loss.shape == ()
                    assert loss.isfinite()

    def test_gradient_reaches_every_item_of_both_towers(
        self, objective: CrossModalObjective, logits: dict[str, Tensor], labels: Tensor
    ) -> None:
        """Finite, and non-zero in every row."""
        leaves = {name: one.clone().requires_grad_() for name, one in logits.items()}
        gradients = torch.autograd.grad(self.loss(objective, leaves, labels), list(leaves.values()))
        for gradient in gradients:
            assert gradient.isfinite().all()
            assert gradient.any(1).all()

    def test_order_changes_nothing(
        self, objective: CrossModalObjective, logits: dict[str, Tensor], labels: Tensor
    ) -> None:
        """A batch is a set."""
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
        shuffled = {name: one[order] for name, one in logits.items()}
        one = self.loss(objective, logits, labels)
        other = self.loss(objective, shuffled, labels[order])
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)

    def test_descent_brings_similar_items_together_across_the_towers(
        self, objective: CrossModalObjective, logits: dict[str, Tensor], labels: Tensor
    ) -> None:
        """Gradient descent on free logits brings an image closer to similar items' texts than to dissimilar ones'."""
        leaves = {name: one.clone().requires_grad_() for name, one in logits.items()}
        head = self.head(objective, labels)
        learnt = list(head.parameters()) if head is not None else []
        optimiser = torch.optim.Adam([*leaves.values(), *learnt], lr=0.1)
        for iteration in range(200):
            optimiser.zero_grad()
            self.loss(objective, leaves, labels, iteration // 20, head=head).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
        codes = {name: binarise(one.detach()) for name, one in leaves.items()}
        distance = (codes[IMAGE][:, None] != codes[TEXT][None]).sum(2).float()
        similar = (labels @ labels.T) > 0
        assert distance[similar].mean() < 0.5 * distance[~similar].mean()

    def test_the_head_is_made_by_bits_classes_and_seed_alone(self, objective: CrossModalObjective) -> None:
        """Equal for equal arguments, whatever the state of torch's global generator, which is unchanged."""
        heads = []
        with torch.random.fork_rng():
            for outside in (1, 2):
                torch.manual_seed(outside)
                before = torch.get_rng_state()
                heads.append(objective.head(bits=self.bits, classes=4, seed=0))
                assert torch.equal(torch.get_rng_state(), before)
        states = [{} if head is None else head.state_dict() for head in heads]
        assert states[0].keys() == states[1].keys()
        for name, tensor in states[0].items():
            assert torch.equal(tensor, states[1][name]), name

    def head(self, objective: CrossModalObjective, labels: Tensor) -> nn.Module | None:
        """The objective's head, prepared with what is known of items of these labels."""
        head = objective.head(bits=self.bits, classes=labels.shape[1], seed=0)
        if objective.guided:
            step = TrainStep(epoch=0, epochs=10, iteration=0, bits=self.bits, head=head)
            with seeded(Randomness(seed=0, purpose="prepared head")):
                objective.prepare(self.start(labels), labels, step)
        return head

    def start(self, labels: Tensor) -> dict[str, Tensor]:
        """What is known before the training: of items of equal labels, much the same."""
        generator = torch.Generator().manual_seed(2)
        directions = torch.randn(labels.shape[1], _WIDTH, generator=generator)
        return dict.fromkeys(_TOWERS, labels @ directions)

    def stages(self, objective: CrossModalObjective, modality: str, features: Tensor) -> tuple[Tensor, ...]:
        """What a tower makes of features (n, d) before its hash layer, by the objective's own neck."""
        with seeded(Randomness(seed=0, purpose=f"neck of {modality}s")):
            made = objective.neck(modality, features.shape[1])
        found = [features]
        if made is not None:
            neck, width = made
            for layer in neck.children() if isinstance(neck, nn.Sequential) else [neck]:
                found.append(layer(found[-1]))
            assert found[-1].shape == (len(features), width), "the width that neck() says"
        return tuple(found)

    def loss(
        self,
        objective: CrossModalObjective,
        logits: dict[str, Tensor],
        labels: Tensor,
        epoch: int = 0,
        *,
        head: nn.Module | None = None,
    ) -> Tensor:
        """The loss of items compared with themselves, as in an epoch with a single batch.

        Args:
            objective: the objective.
            logits: (n, bits) float, by modality.
            labels: (n, classes) float, multi-hot.
            epoch: of ten.
            head: the objective's head; None builds a new one.
        """
        head = head or self.head(objective, labels)
        step = TrainStep(epoch=epoch, epochs=10, iteration=20 * epoch, bits=self.bits, head=head)
        relaxed = {name: objective.relax(one, step) for name, one in logits.items()}
        banks = {name: one.detach() for name, one in relaxed.items()}
        if objective.banked:
            objective.refresh(banks, labels, step)
        start = self.start(labels)
        stages = {name: self.stages(objective, name, start[name]) for name in logits}
        towers = {
            name: TowerBatch(
                relaxed=one, features=stages[name][-1], bank=banks[name], start=start[name], stages=stages[name]
            )
            for name, one in relaxed.items()
        }
        batch = PairedBatch(towers=towers, labels=labels, similar=((labels @ labels.T) > 0).float())
        return objective.loss(batch, replace(step, indices=torch.arange(len(labels))))


class TextBackboneContract(ModelContract, PluginObjectContract):
    """The contract of networks of texts, and of a hash network on one. Override the fixtures ``backbone`` and ``spec``.

    Attributes:
        words: size of the tests' vocabulary.
    """

    words = 40

    @pytest.fixture
    def backbone(self) -> TextBackbone:
        """The network under test; a subclass overrides this."""
        pytest.skip("override the fixture `backbone` in a subclass")

    @pytest.fixture
    def plugin_object(self, backbone: TextBackbone) -> object:
        """The network."""
        return backbone

    @pytest.fixture
    def texts(self) -> ArrayTexts:
        """Bags of words, the last of them empty."""
        drawn = torch.rand(24, self.words, generator=torch.Generator().manual_seed(0)) < 0.2
        drawn[-1] = False
        return ArrayTexts(drawn.float(), Modality.text(self.words, tags=True), _vocabulary(self.words))

    @pytest.fixture
    def build(self, backbone: TextBackbone, texts: ArrayTexts) -> Callable[[], HashModel]:
        """Builds a hash network on it, with random weights."""

        def made() -> HashModel:
            with torch.random.fork_rng():
                torch.manual_seed(0)
                features, width = backbone.build(texts.modality)
                backbone.prepare(features, texts)
                return TextNetwork(features, width, modality=texts.modality, bits=16)

        return made

    def test_features_have_the_width_that_it_says(self, backbone: TextBackbone, texts: ArrayTexts) -> None:
        """(n, d) finite features, for one text and for several, and for one without words."""
        features, width = backbone.build(texts.modality)
        backbone.prepare(features, texts)
        with evaluating(features), torch.no_grad():
            for rows in (range(len(texts)), [0], [len(texts) - 1]):
                found = features(texts.inputs(rows))
                assert found.shape == (len(rows), width)
                assert found.isfinite().all()

    def test_gradients_reach_the_words_of_a_text(self, backbone: TextBackbone, texts: ArrayTexts) -> None:
        """Attacks need them."""
        features, _ = backbone.build(texts.modality)
        backbone.prepare(features, texts)
        inputs = texts.inputs(range(4)).requires_grad_()
        with evaluating(features):
            (gradient,) = torch.autograd.grad(features(inputs).square().sum(), inputs)
        assert gradient.isfinite().all()
        assert (gradient * inputs).any(1).all()

    def test_what_it_starts_from_is_the_same_each_time(self, backbone: TextBackbone) -> None:
        """It is a part of the identity of what is trained on it."""
        assert backbone.initial() == backbone.initial()
        assert backbone.initial() == "none" or backbone.pretrained, "random weights are named none"


def _vocabulary(words: int) -> list[str]:
    """Different words of letters alone."""
    return ["".join(chr(ord("a") + number // 26**place % 26) for place in (2, 1, 0)) for number in range(words)]
