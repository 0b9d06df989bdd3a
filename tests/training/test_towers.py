"""Training two towers: same seed same bytes, resuming, frozen backbones, what a loss is shown, and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import (
    IMAGE,
    TEXT,
    Backbone,
    CrossModalHashModel,
    CrossModalObjective,
    DatasetContext,
    Inputs,
    Modality,
    Objective,
    PairedBatch,
    Pairs,
    Randomness,
    Recipe,
    RetrievalData,
    Split,
    TextBackbone,
    TrainingReport,
    TrainStep,
    seeded,
)
from robusthash.errors import CapabilityError, TrainingError, UsageError
from robusthash.testing.crossmodal import ToyPairs, ToyTowers
from robusthash.testing.victims import SIDE
from robusthash.training import (
    CrossModalStep,
    LayeredModel,
    build_network,
    build_towers,
    prepare_towers,
    train,
    weights_digest,
)

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=24, batch_size=16, lr=1e-2)


@dataclass(frozen=True, kw_only=True)
class Tiny(Backbone):
    """Four channels, batch-normalised."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def build(self, weights: str) -> tuple[nn.Module, int]:
        convolution = nn.Conv2d(3, 4, 3, padding=1)
        return nn.Sequential(convolution, nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()), 64


class Counted(nn.Sequential):
    """Words less their mean in the train split."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 16), nn.ReLU())
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, texts: Tensor) -> Tensor:
        found: Tensor = super().forward(texts - self.mean)
        return found


@dataclass(frozen=True, kw_only=True)
class Words(TextBackbone):
    def build(self, modality: Modality) -> tuple[nn.Module, int]:
        return Counted(modality.shape[0]), 16

    def prepare(self, features: nn.Module, train: Inputs) -> None:
        features.mean = train.inputs(range(len(train))).mean(0)


@dataclass(frozen=True, kw_only=True)
class Learnt(Words):
    """Starts with weights that were learnt elsewhere."""

    pretrained = True


@dataclass(frozen=True, kw_only=True)
class Pull(CrossModalObjective):
    """Brings relaxed codes of both towers, and of their banks, to the similarities of the labels."""

    banked: ClassVar[bool] = True
    guided: ClassVar[bool] = True

    @property
    def networks(self) -> Mapping[str, str]:
        return {TEXT: "words"}

    def neck(self, modality: str, width: int) -> tuple[nn.Module, int] | None:
        return (nn.Sequential(nn.Linear(width, 8), nn.ReLU()), 8) if modality == IMAGE else None

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module:
        with seeded(Randomness(seed=seed, purpose="pull")):
            return nn.Linear(bits, classes)

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        image, text = batch.towers[IMAGE], batch.towers[TEXT]
        assert step.indices is not None
        assert torch.equal(text.bank[step.indices], text.relaxed)  # the batch's rows are up to date
        assert text.start.shape == (len(batch.labels), 12)  # a text is known as it is
        assert image.start.shape == (len(batch.labels), 64)  # an image by its features
        assert image.features.shape == (len(batch.labels), 8)
        assert not text.bank.requires_grad
        wanted = 2 * batch.similar - 1
        pairs = [one.relaxed @ other.bank.T / one.relaxed.shape[1] for one in (image, text) for other in (image, text)]
        assert isinstance(step.head, nn.Linear)
        classified = nn.functional.cross_entropy(step.head(image.relaxed), batch.labels)
        return torch.stack([(found - wanted).square().mean() for found in pairs]).sum() + classified


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> RetrievalData:
    return ToyPairs().load(DatasetContext(root=None, cache=tmp_path_factory.mktemp("cache")))


BACKBONES = {IMAGE: Tiny(), TEXT: Words()}


def build(data: RetrievalData, *, seed: int = 0) -> CrossModalHashModel:
    model = build_towers(Pull(), BACKBONES, data.modalities, bits=12, weights="none", seed=seed)
    prepare_towers(model, BACKBONES, data.train)
    return model


def run(
    data: RetrievalData, recipe: Recipe = RECIPE, *, seed: int = 0, partial: Path | None = None
) -> tuple[CrossModalHashModel, TrainingReport]:
    model = build(data, seed=seed)
    return model, train(model, Pull(), recipe, data, seed=seed, device=CPU, partial=partial, partial_seconds=0)


def layered(model: CrossModalHashModel, name: str) -> LayeredModel:
    tower = model.tower(name)
    assert isinstance(tower, LayeredModel)
    return tower


def test_same_seed_same_bytes_and_global_randomness_untouched(data: RetrievalData) -> None:
    before = torch.get_rng_state()
    first, report = run(data)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second, again = run(data)
    assert weights_digest(first) == weights_digest(second)
    assert report == again
    assert weights_digest(first) != weights_digest(run(data, seed=1)[0])
    assert not first.training
    assert report.probes[-1].map > report.probes[-1].floor + 0.3
    mean = data.train.view(TEXT).inputs(range(len(data.train))).mean(0)
    assert torch.equal(layered(first, TEXT).features.mean, mean)  # type: ignore[arg-type]  # it took it from the split


def test_an_interrupted_training_resumes_with_the_same_result(data: RetrievalData, tmp_path: Path) -> None:
    whole, report = run(data)
    partial = tmp_path / "partial.safetensors"
    model = build(data)

    class Stopped(Exception):
        pass

    def stop(epoch: int, *_more: object) -> None:
        if epoch == 10:
            raise Stopped

    with pytest.raises(Stopped):
        train(model, Pull(), RECIPE, data, seed=0, device=CPU, watch=stop, partial=partial, partial_seconds=0)
    assert partial.is_file()
    resumed, again = run(data, partial=partial)
    assert weights_digest(resumed) == weights_digest(whole)
    assert again == report


@pytest.mark.parametrize("augment", ["none", "flip-crop"])
def test_a_frozen_backbone_stays_as_it_is_and_all_else_is_trained(data: RetrievalData, augment: str) -> None:
    """Its batch normalisation too; with or without features that are computed once."""
    recipe = replace(RECIPE, backbone_lr_scale=0.0, augment=augment)  # type: ignore[arg-type]
    start, (model, _) = build(data), run(data, recipe)
    same = {name for name, tensor in start.state_dict().items() if torch.equal(tensor, model.state_dict()[name])}
    assert {name for name in start.state_dict() if name.startswith("towers.image.features")} <= same
    parts = ("image.neck", "image.hash_layer", "text.features.0", "text.hash_layer")
    trained = {name for name in start.state_dict() if name.startswith(tuple(f"towers.{part}" for part in parts))}
    assert trained
    assert not trained & same
    assert not model.training


def test_features_of_a_frozen_backbone_are_computed_once(data: RetrievalData) -> None:
    calls = 0
    model = build(data)

    def count(*_call: object) -> None:
        nonlocal calls
        calls += 1

    layered(model, IMAGE).features.register_forward_hook(count)
    train(model, Pull(), replace(RECIPE, backbone_lr_scale=0.0), data, seed=0, device=CPU)
    assert calls <= 2  # a probe of their width, and 40 items in one batch


class Reading(CrossModalStep):
    """A loss that needs images themselves."""

    def reads(self, modality: str) -> bool:
        return modality == IMAGE


def test_features_stand_in_for_no_input_that_a_loss_reads(data: RetrievalData) -> None:
    model, sizes = build(data), []
    layered(model, IMAGE).features.register_forward_hook(lambda _part, given, _found: sizes.append(given[0].shape))
    train(model, Reading(Pull(), seed=0), replace(RECIPE, backbone_lr_scale=0.0), data, seed=0, device=CPU)
    assert len(sizes) > RECIPE.epochs * len(data.train) // RECIPE.batch_size
    assert {shape[1:] for shape in sizes} == {(3, SIDE, SIDE)}


@dataclass(frozen=True, kw_only=True)
class Near(Pull):
    """The same, without the banks, over texts that a network knows something of."""

    banked: ClassVar[bool] = False

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        image, text = batch.towers[IMAGE], batch.towers[TEXT]
        assert text.start.shape == (len(batch.labels), 16)  # by its features
        assert [len(one.stages) for one in (image, text)] == [3, 1]  # features, and two layers of the neck
        assert image.stages[-1] is image.features
        return (image.relaxed @ text.relaxed.T / step.bits - (2 * batch.similar - 1)).square().mean()


def test_a_text_network_that_was_learnt_elsewhere_is_frozen_as_backbones_are(data: RetrievalData) -> None:
    """It learns at their rate; at 0 it stays as it is, and its features are computed once, before and for the loss."""
    backbones = {IMAGE: Tiny(), TEXT: Learnt()}
    for scale, stays in ((0.0, True), (0.1, False)):
        model = build_towers(Near(), backbones, data.modalities, bits=12, weights="none", seed=0)
        prepare_towers(model, backbones, data.train)
        features, calls = layered(model, TEXT).features, []
        before = weights_digest(features)
        features.register_forward_hook(lambda *_call, calls=calls: calls.append(1))
        train(model, Near(), replace(RECIPE, backbone_lr_scale=scale), data, seed=0, device=CPU)
        assert (weights_digest(features) == before) is stays
        assert (len(calls) <= 2) is stays


def test_an_objective_of_one_tower_is_trained_on_features_too(data: RetrievalData) -> None:
    """The same weights as if its frozen backbone saw every batch."""
    recipe = replace(RECIPE, backbone_lr_scale=0.0)
    found = []
    for objective in (Alone(), Alone(batch_norm=True)):
        network = build_network(Tiny(), bits=12, image_size=SIDE, weights="none", seed=0)
        train(network, objective, recipe, data, seed=0, device=CPU)
        assert isinstance(network.hash_layer, nn.Linear)
        found.append(weights_digest(network))
    assert found[0] != found[1]


@dataclass(frozen=True, kw_only=True)
class Alone(Objective):
    batch_norm: bool = False  # type: ignore[misc]

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return (relaxed @ pairs.codes.T / relaxed.shape[1] - 2 * pairs.similar + 1).square().mean()


def test_what_does_not_fit_is_refused(data: RetrievalData) -> None:
    model = build(data)
    images: dict[str, Any] = {name: replace(split, views={IMAGE: split.images}) for name, split in splits(data).items()}
    with pytest.raises(CapabilityError, match="no inputs of modality 'text'"):
        train(model, Pull(), RECIPE, replace(data, **images), seed=0, device=CPU)
    toys = ToyTowers().build(data.modalities)
    with pytest.raises(UsageError, match="towers in layers, not image, text"):
        train(toys, Pull(), RECIPE, data, seed=0, device=CPU)
    with pytest.raises(UsageError, match="a code of 0 bits"):
        build_towers(Pull(), BACKBONES, data.modalities, bits=0, weights="none", seed=0)


def splits(data: RetrievalData) -> dict[str, Split]:
    return {name: getattr(data, name) for name in ("query", "database", "train")}


@dataclass(frozen=True, kw_only=True)
class Collapsing(Pull):
    """Pulls all codes to one."""

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        return torch.stack([(one.relaxed - 1).square().mean() for one in batch.towers.values()]).sum()


def test_a_collapse_of_the_towers_is_refused(data: RetrievalData) -> None:
    recipe = replace(RECIPE, lr=0.1, epochs=8)
    with pytest.raises(TrainingError, match="12 of 12 bits are the same for every item"):
        train(build(data), Collapsing(), recipe, data, seed=0, device=CPU)
