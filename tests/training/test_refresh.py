"""What an objective computes from the whole train split: anew before each epoch, from the bank, kept in snapshots."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import (
    ArrayImages,
    Backbone,
    HashModel,
    Objective,
    Pairs,
    Progress,
    RetrievalData,
    Snapshots,
    Split,
    TrainStep,
    silent,
)
from robusthash.testing import ObjectiveContract
from robusthash.training import (
    AdversarialTraining,
    HashNetwork,
    ObjectiveStep,
    Outputs,
    Recipe,
    Scene,
    build_network,
    defense_context,
    encode,
    train,
    weights_digest,
)
from robusthash.training.trainer import batches

CPU = torch.device("cpu")
BITS, ITEMS, CLASSES = 12, 96, 4
RECIPE = Recipe(epochs=4, batch_size=16, lr=5e-3, augment="flip-crop")


@dataclass(frozen=True, kw_only=True)
class Tiny(Backbone):
    """Batch normalisation and dropout: what makes a resume hard."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    image_size: int = 8

    def build(self, weights: str) -> tuple[nn.Module, int]:
        layers = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(2))
        return nn.Sequential(*layers, nn.Flatten()), 32


class Targets(nn.Module):
    """An item's target, a slow mean of its class's codes: it remembers all refreshes, and has a row for every item."""

    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rows", torch.empty(0, BITS))


@dataclass(frozen=True, kw_only=True)
class Followed(Objective):
    """Pulls an item to its target."""

    refreshed: ClassVar[bool] = True

    pairing: Literal["bank", "batch"] = "batch"  #: what is compared

    def head(self, *, bits: int, classes: int, seed: int) -> Targets:
        return Targets()

    def refresh(self, codes: Tensor, labels: Tensor, step: TrainStep) -> None:
        assert isinstance(step.head, Targets)
        assert step.indices is None
        means = labels @ (labels.T @ codes / labels.sum(0)[:, None])
        step.head.rows = (step.head.rows + means) / 2 if len(step.head.rows) else means

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        assert isinstance(step.head, Targets)
        assert step.indices is not None
        likeness = (relaxed @ pairs.codes.T / step.bits - (2 * pairs.similar - 1)).square().mean()
        return likeness + (relaxed - step.head.rows[step.indices]).square().mean()


def toy_data() -> RetrievalData:
    """Four classes, each a bright quadrant under noise."""
    classes = torch.arange(ITEMS) % CLASSES
    images = torch.randint(0, 120, (ITEMS, 3, 8, 8), generator=torch.Generator().manual_seed(7), dtype=torch.uint8)
    for i, c in enumerate(classes.tolist()):
        images[i, :, (c // 2) * 4 : (c // 2 + 1) * 4, (c % 2) * 4 : (c % 2 + 1) * 4] += 130
    labels = nn.functional.one_hot(classes, CLASSES).to(torch.uint8)

    def split(name: str) -> Split:
        return Split.of_images(name=name, images=ArrayImages(images), labels=labels, ids=tuple(map(str, range(ITEMS))))

    return RetrievalData(
        name="toy", classes=("a", "b", "c", "d"), query=split("query"), database=split("database"), train=split("train")
    )


def network() -> HashNetwork:
    return build_network(Tiny(), bits=BITS, image_size=8, weights="none", seed=0)


@pytest.mark.parametrize("pairing", ["bank", "batch"])
def test_it_comes_before_each_epochs_first_batch_and_sees_the_bank(pairing: Literal["bank", "batch"]) -> None:
    data = toy_data()
    order: list[str] = []
    banks: list[Tensor] = []

    @dataclass(frozen=True, kw_only=True)
    class Recorder(Followed):
        def refresh(self, codes: Tensor, labels: Tensor, step: TrainStep) -> None:
            order.append(f"refresh {step.epoch}")
            banks.append(codes.clone())
            assert not codes.requires_grad
            assert torch.equal(labels, data.train.labels.float())
            super().refresh(codes, labels, step)

        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            order.append(f"batch {step.epoch}")
            # The rows are the batch's: its labels are those of its positions.
            assert step.indices is not None
            assert torch.equal(labels, data.train.labels[step.indices].float())
            assert pairs.codes.shape == ((ITEMS if pairing == "bank" else len(relaxed)), BITS)
            return super().loss(relaxed, labels, pairs, step)

    model = network()
    start = torch.tanh(encode(model, data.train.images, device=CPU))
    train(model, Recorder(pairing=pairing), replace(RECIPE, epochs=2), data, seed=0, device=CPU)
    assert order == ["refresh 0", *["batch 0"] * 6, "refresh 1", *["batch 1"] * 6]
    assert torch.equal(banks[0], start)
    assert (banks[1] != start).any(1).all()  # each row was written in the first epoch


def test_the_bank_is_kept_up_to_date_where_pairs_are_the_batchs() -> None:
    data, model = toy_data(), network()
    loss = ObjectiveStep(Followed())
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=BITS)
    loss.start(model, data.train, step, CPU)
    assert loss.state().keys() == {"bank", "head.rows"}
    before = loss.state()["bank"].clone()
    batch = next(batches(data.train, replace(RECIPE, augment="none"), seed=0, epoch=0, device=CPU))
    model.eval()
    with torch.no_grad():
        model.hash_layer.weight.mul_(2)
    loss.loss(model, batch, step)
    written = torch.tanh(encode(model, data.train.images, device=CPU))[batch.indices]
    torch.testing.assert_close(loss.state()["bank"][batch.indices], written)
    others = torch.ones(ITEMS, dtype=torch.bool)
    others[batch.indices] = False
    assert torch.equal(loss.state()["bank"][others], before[others])


class _Interrupted(Exception):
    pass


def interrupted_after(batches_done: int) -> Callable[[int, int, str], None]:
    def stop(done: int, _total: int, _what: str) -> None:
        if done == batches_done:
            raise _Interrupted

    return stop


@pytest.mark.parametrize("pairing", ["bank", "batch"])
def test_a_broken_run_resumes_to_the_same_bytes(tmp_path: Path, pairing: Literal["bank", "batch"]) -> None:
    """What a refresh remembers of those before it is in the snapshot, whatever shape it has."""
    partial = tmp_path / "partial.safetensors"

    def run(progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None) -> HashModel:
        model = network()
        objective = Followed(pairing=pairing)
        train(
            model,
            objective,
            RECIPE,
            toy_data(),
            seed=0,
            device=CPU,
            partial=partial,
            partial_seconds=0,
            progress=progress,
        )
        return model

    undisturbed = run()
    partial.unlink()
    with pytest.raises(_Interrupted):
        run(interrupted_after(15))  # in the third of four epochs of six batches
    assert weights_digest(run()) == weights_digest(undisturbed)


@dataclass(frozen=True, kw_only=True)
class Away(AdversarialTraining):
    """Away from one code, whatever the item."""

    def codes(self, scene: Scene) -> Tensor:
        return torch.ones(len(scene.labels), BITS)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        return -(crafted.relaxed * self.codes(scene)).mean()


def test_a_broken_hardening_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    partial = tmp_path / "partial.safetensors"

    snapshots = Snapshots(partial, "test", seconds=0)

    def run(progress: Progress = silent) -> HashModel:
        context = defense_context(toy_data(), seed=0, objective=Followed(), snapshots=snapshots, progress=progress)
        return Away(epsilon=0.05, steps=1, epochs=3, batch_size=16).harden(network(), context)

    undisturbed = run()
    snapshots.remove()
    with pytest.raises(_Interrupted):
        run(interrupted_after(15))  # in the last of three epochs of six batches
    assert weights_digest(run()) == weights_digest(undisturbed)


@pytest.mark.parametrize("pairing", ["bank", "batch"])
class TestContract(ObjectiveContract):
    """The contract's tests refresh an objective that asks for it."""

    bits = BITS

    @pytest.fixture
    def objective(self, pairing: Literal["bank", "batch"]) -> Objective:
        return Followed(pairing=pairing)
