"""The contract tests themselves: toy plugins pass them, and each kind of bad plugin turns one red."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from torch import Tensor

from robusthash.contracts import (
    IMAGE,
    TEXT,
    CrossModalHashModel,
    HashModel,
    Modality,
    Objective,
    Pairs,
    ReadyModel,
    Threat,
    TrainStep,
)
from robusthash.specs import Distance
from robusthash.testing import (
    DescriptorVictim,
    LinearVictim,
    ModelContract,
    ObjectiveContract,
    ReadyModelContract,
    SmallVictim,
    TextVictim,
    TowersContract,
    toy_batch,
    toy_context,
    toy_images,
)
from robusthash.testing.crossmodal import WORDS, ToyTowers
from robusthash.testing.victims import CLASSES, SIDE


class TestLinearVictim(ModelContract):
    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        return LinearVictim


class TestSmallVictim(ModelContract):
    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        return lambda: SmallVictim(bits=12)


class TestDescriptorVictim(ModelContract):
    @pytest.fixture(params=[Distance.COSINE, Distance.L2])
    def build(self, request: pytest.FixtureRequest) -> Callable[[], HashModel]:
        return lambda: DescriptorVictim(size=5, distance=request.param)


class TestTextVictim(ModelContract):
    @pytest.fixture
    def build(self) -> Callable[[], HashModel]:
        return lambda: TextVictim(bits=12)


class TestToyTowers(TowersContract):
    @pytest.fixture
    def towers(self) -> Callable[[], CrossModalHashModel]:
        return lambda: CrossModalHashModel({IMAGE: SmallVictim(bits=12), TEXT: TextVictim(bits=12)})


class TestReadyTowers(ReadyModelContract):
    image_size = SIDE

    @pytest.fixture
    def method(self) -> ReadyModel:
        return ToyTowers()

    @pytest.fixture
    def modalities(self) -> dict[str, Modality]:
        return {IMAGE: Modality.image(SIDE), TEXT: Modality.text(WORDS * CLASSES)}


@dataclass(frozen=True, kw_only=True)
class Pairwise(Objective):
    """Inner products of similar pairs to K, of others to 0."""

    pairing: Literal["bank", "batch"] = "batch"  #: what a batch is compared with
    direction: float = 1.0  #: of the descent; -1 is a fault

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return self.direction * (relaxed @ pairs.codes.T / step.bits - pairs.similar).square().mean()


@pytest.mark.parametrize("pairing", ["batch", "bank"])
class TestPairwise(ObjectiveContract):
    @pytest.fixture
    def objective(self, pairing: Literal["bank", "batch"]) -> Objective:
        return Pairwise(pairing=pairing)


def test_an_objective_with_a_flipped_sign_is_caught() -> None:
    contract, labels = ObjectiveContract(), torch.eye(4)[torch.arange(24) % 4]
    logits = torch.randn(24, 16, generator=torch.Generator().manual_seed(0))
    with pytest.raises(AssertionError):
        contract.test_descent_brings_similar_items_together(Pairwise(direction=-1.0), logits, labels)


@pytest.mark.parametrize("epsilon", [8 / 255, 0.032, 1.0])
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_the_linear_optimum_is_attained_by_following_the_weights(epsilon: float, direction: float) -> None:
    """The image that puts every pixel at the end its weight points to, inside ball and box, gives those logits."""
    victim = LinearVictim()
    images, _ = toy_images(6)
    aim = direction * torch.ones(6, victim.bits)
    ways = (direction * victim.weight.detach().sum(0)).sign().view(3, 16, 16)
    level = int(epsilon * 255 + 1e-6) / 255
    best = (images + level * ways).clamp(0, 1)
    torch.testing.assert_close(
        victim(best).detach(), victim.extreme(images, aim, Threat(epsilon=epsilon)), rtol=1e-4, atol=1e-4
    )
    assert ((victim.weight != 0).sum(0) == 1).all()


def test_toy_worlds_repeat_and_have_images_at_both_ends_of_the_box() -> None:
    victim = SmallVictim()
    one, two = toy_batch(victim), toy_batch(victim)
    assert one.start is two.start is None
    for name in {part.name for part in dataclasses.fields(one)} - {"start"}:
        assert torch.equal(getattr(one, name), getattr(two, name))
    assert one.inputs.min() == 0
    assert one.inputs.max() == 1
    torch.testing.assert_close(one.inputs * 255, (one.inputs * 255).round())
    assert one.labels is not None
    assert one.targets is not None
    assert not (one.labels & one.targets).any()
    context = toy_context(victim)
    assert context.bank is not None
    assert not any(p.requires_grad for p in victim.parameters())
