"""Seeded faults of models and defenses: the contract sees each, and nothing in the sound ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import (
    IMAGE,
    TEXT,
    Backbone,
    ClosedForm,
    CrossModalHashModel,
    Defense,
    DefenseContext,
    Descriptor,
    Distance,
    Draws,
    HashLayer,
    HashModel,
    ModelWrapper,
    Objective,
    Pairs,
    Randomness,
    TrainFeatures,
    TrainStep,
    seeded,
)
from robusthash.errors import CheckpointError
from robusthash.testing import (
    BackboneContract,
    ClosedFormContract,
    DefenseContract,
    DescriptorContract,
    ModelContract,
    ObjectiveContract,
    SmallVictim,
    TextVictim,
    TowersContract,
)
from robusthash.testing.faults import faulty, sound


class Masked(SmallVictim):
    """Sees images of few levels, and hides the gradient of the rounding."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward((inputs * 15).round() / 15)


class InLevels(SmallVictim):
    """Divides by the spread of its batch."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs / inputs.std())


class Signs(SmallVictim):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).sign()


class Hidden(TextVictim):
    """Keeps a weight outside its state."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = [torch.rand(1, generator=torch.Generator().manual_seed(Hidden.made)) + 0.5]
        Hidden.made += 1

    made: ClassVar[int] = 0

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) * self.scales[0]


def building(cls: Callable[[], HashModel]) -> Callable[[], object]:
    return lambda: cls


def towers(text: Callable[[], HashModel]) -> Callable[[], object]:
    return lambda: lambda: CrossModalHashModel({IMAGE: SmallVictim(), TEXT: text()})


TestTowers = sound(
    TowersContract, "towers_share_a_space", "a_stored_model_has_both_towers", "gives_logits", towers=towers(TextVictim)
)
TestUnstoredTower = faulty(TowersContract, "a_stored_model_has_both_towers", towers=towers(Hidden))
TestTowersOfTwoLengths = faulty(TowersContract, "towers_share_a_space", towers=towers(lambda: TextVictim(bits=7)))
TestMaskedModel = faulty(ModelContract, "gradient_reaches_every_input", build=building(Masked))
TestBatchSpread = faulty(ModelContract, "an_input_is_hashed_alone", build=building(InLevels))
TestSigns = faulty(ModelContract, "logits_are_not_binarised", build=building(Signs))


@dataclass(frozen=True, kw_only=True)
class Pairwise(Objective):
    """Inner products of similar pairs to K, of others to 0."""

    direction: float = 1.0  #: of the descent

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return self.direction * (relaxed @ pairs.codes.T / step.bits - pairs.similar).square().mean()


class LossPerItem(Pairwise):
    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return (relaxed @ pairs.codes.T / step.bits - pairs.similar).square().mean(1)


class FirstItemAlone(Pairwise):
    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return super().loss(relaxed[:1], labels[:1], Pairs(codes=pairs.codes.detach(), similar=pairs.similar[:1]), step)


class LogOfNothing(Pairwise):
    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return super().loss(relaxed, labels, pairs, step) + 0 * (relaxed.abs().sum()).log()


class HeadAtRandom(Pairwise):
    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module:
        return nn.Linear(bits, classes)


TestFlippedObjective = faulty(
    ObjectiveContract, "descent_brings_similar_items_together", objective=lambda: Pairwise(direction=-1.0)
)
TestLossPerItem = faulty(ObjectiveContract, "loss_is_a_finite_scalar", objective=LossPerItem)
TestFirstItemAlone = faulty(
    ObjectiveContract, "gradient_reaches_every_item", "order_changes_nothing", objective=FirstItemAlone
)
TestLogOfNothing = faulty(ObjectiveContract, "loss_is_a_finite_scalar", objective=LogOfNothing)
TestHeadAtRandom = faulty(ObjectiveContract, "the_head_is_made_by_bits_classes_and_seed_alone", objective=HeadAtRandom)


@dataclass(frozen=True, kw_only=True)
class Lines(ClosedForm):
    """Random directions from the mean."""

    seedless: bool = False  #: the fault
    centred: bool = True  #: without it, another

    def project(self, train: TrainFeatures, bits: int, random: Randomness) -> HashLayer:
        generator = torch.Generator().manual_seed(int(random.generator().integers(2**31)))
        shape = bits, train.values.shape[1]
        weight = torch.randn(*shape, generator=None if self.seedless else generator, dtype=torch.float64)
        mean = train.values.mean(0) if self.centred else torch.zeros(shape[1], dtype=torch.float64)
        return HashLayer.centred(weight, mean)


TestLines = sound(ClosedFormContract, "repeats", "every_bit_says_something", method=Lines)
TestSeedless = faulty(ClosedFormContract, "repeats", method=lambda: Lines(seedless=True))
TestNotCentred = faulty(ClosedFormContract, "every_bit_says_something", method=lambda: Lines(centred=False))


@dataclass(frozen=True, kw_only=True)
class Unit(Descriptor):
    """Features as they are."""

    @property
    def distance(self) -> Distance:
        return Distance.COSINE

    def describe(self, features: Tensor) -> Tensor:
        return features.clone()


class DividesByNorm(Unit):
    def describe(self, features: Tensor) -> Tensor:
        return features / features.norm(dim=1, keepdim=True)


class CentredByBatch(Unit):
    def describe(self, features: Tensor) -> Tensor:
        return features - features.mean(0)


class Hamming(Unit):
    @property
    def distance(self) -> Distance:
        return Distance.HAMMING


class TestUnit(DescriptorContract):
    @pytest.fixture
    def descriptor(self) -> Descriptor:
        return Unit()


TestDividesByNorm = faulty(DescriptorContract, "gives_finite_descriptors", descriptor=DividesByNorm)
TestCentredByBatch = faulty(DescriptorContract, "an_item_is_described_alone", descriptor=CentredByBatch)
TestHamming = faulty(DescriptorContract, "distance_is_one_of_descriptors", descriptor=Hamming)


@dataclass(frozen=True, kw_only=True)
class Means(Backbone):
    """Two convolutions."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def build(self, weights: str) -> tuple[nn.Module, int]:
        if weights != "none":
            raise CheckpointError(f"no weights {weights!r}")
        return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()), 32


class WrongWidth(Means):
    def build(self, weights: str) -> tuple[nn.Module, int]:
        return super().build(weights)[0], 31


class OwnSeed(Means):
    def build(self, weights: str) -> tuple[nn.Module, int]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            return super().build(weights)


class AnyWeights(Means):
    def build(self, weights: str) -> tuple[nn.Module, int]:
        return super().build("none")


class MeansInLevels(Means):
    mean = (127.5, 127.5, 127.5)


class TestMeans(BackboneContract):
    @pytest.fixture
    def backbone(self) -> Backbone:
        return Means()


TestWrongWidth = faulty(BackboneContract, "features_have_the_width_that_it_says", backbone=WrongWidth)
TestOwnSeed = faulty(BackboneContract, "weights_are_drawn_from_the_seed", backbone=OwnSeed)
TestAnyWeights = faulty(BackboneContract, "weights_that_are_not_there_are_an_error", backbone=AnyWeights)
TestMeansInLevels = faulty(BackboneContract, "normalisation_is_of_three_channels", backbone=MeansInLevels)


@dataclass(frozen=True, kw_only=True)
class Noisy(Defense):
    """A sound randomised defense: noise in each pass, from torch's global generator."""

    draws: ClassVar[Draws] = Draws.PER_CALL
    scale: float = 0.05  #: of the noise

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        return _Noise(model, self.scale)


class _Noise(ModelWrapper):
    def __init__(self, model: HashModel, scale: float) -> None:
        super().__init__(model)
        self.scale = scale

    def forward(self, inputs: Tensor) -> Tensor:
        return self.model(inputs + self.scale * torch.randn_like(inputs))  # type: ignore[no-any-return]  # logits


class UndeclaredNoise(Noisy):
    draws: ClassVar[Draws] = Draws.NONE


class PrivateNoise(Noisy):
    """A generator of its own, which nobody seeds."""

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        generator = torch.Generator()
        generator.seed()

        class Private(ModelWrapper):
            def forward(self, inputs: Tensor) -> Tensor:
                return self.model(inputs + 0.05 * torch.randn(inputs.shape, generator=generator))  # type: ignore[no-any-return]  # logits

        return Private(model)


@dataclass(frozen=True, kw_only=True)
class Shifted(Defense):
    """A sound defense that draws once: a pattern that is added to all images."""

    draws: ClassVar[Draws] = Draws.SEED

    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        with seeded(Randomness(seed=context.seed, purpose="shift")):
            return _Shift(model, 0.1 * torch.randn(model.modality.shape))


class _Shift(ModelWrapper):
    def __init__(self, model: HashModel, shift: Tensor) -> None:
        super().__init__(model)
        self.register_buffer("shift", shift)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.model(inputs + self.shift)  # type: ignore[no-any-return]  # logits


class ForgottenSeed(Shifted):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        return _Shift(model, 0.1 * torch.randn(model.modality.shape))


class UndeclaredSeed(Shifted):
    draws: ClassVar[Draws] = Draws.NONE


class Mutates(Defense):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        for parameter in model.parameters():
            parameter.data.mul_(0.9)
        return _Shift(model, torch.zeros(model.modality.shape))


class ReturnsTheSame(Defense):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        return model


class HooksTheModel(Defense):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        model.register_forward_pre_hook(lambda _module, inputs: (inputs[0].round(),))
        return _Shift(model, torch.zeros(model.modality.shape))


class MasksGradients(Defense):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        class Rounds(ModelWrapper):
            def forward(self, inputs: Tensor) -> Tensor:
                return self.model((inputs * 15).round() / 15)  # type: ignore[no-any-return]  # logits

        return Rounds(model)


class OtherBits(Defense):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        return SmallVictim(bits=8).eval()


class InPlace(Defense):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        class Halves(ModelWrapper):
            def forward(self, inputs: Tensor) -> Tensor:
                return self.model(inputs.mul_(0.5))  # type: ignore[no-any-return]  # logits

        return Halves(model)


class TestNoisy(DefenseContract):
    @pytest.fixture
    def defense(self) -> Defense:
        return Noisy()


class TestShifted(DefenseContract):
    @pytest.fixture
    def defense(self) -> Defense:
        return Shifted()


TestUndeclaredNoise = faulty(DefenseContract, "it_draws_what_it_declares", defense=UndeclaredNoise)
TestPrivateNoise = faulty(DefenseContract, "it_draws_what_it_declares", "hardening_repeats", defense=PrivateNoise)
TestForgottenSeed = faulty(DefenseContract, "hardening_repeats", defense=ForgottenSeed)
TestUndeclaredSeed = faulty(DefenseContract, "another_seed_is_another_model_if_it_says_so", defense=UndeclaredSeed)
TestMutates = faulty(DefenseContract, "the_model_given_stays_as_it_is", defense=Mutates)
TestReturnsTheSame = faulty(DefenseContract, "the_model_given_stays_as_it_is", defense=ReturnsTheSame)
TestHooksTheModel = faulty(DefenseContract, "the_model_given_stays_as_it_is", defense=HooksTheModel)
TestMasksGradients = faulty(DefenseContract, "gradient_reaches_every_input", defense=MasksGradients)
TestOtherBits = faulty(DefenseContract, "the_hardened_model_is_of_the_same_kind", defense=OtherBits)
TestInPlace = faulty(DefenseContract, "gives_logits", defense=InPlace)
