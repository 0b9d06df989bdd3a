"""Processes that train together end with the model of one process: losses over pairs, banks, statistics and all."""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, distributed, nn

from robusthash.contracts import (
    IMAGE,
    TEXT,
    Backbone,
    CrossModalObjective,
    HashModel,
    LossStep,
    Modality,
    Objective,
    PairedBatch,
    Pairs,
    Randomness,
    Recipe,
    RetrievalData,
    Split,
    Team,
    TextBackbone,
    TrainBatch,
    TrainStep,
)
from robusthash.errors import StorageError
from robusthash.hashing import centre, sign
from robusthash.testing.crossmodal import toy_pairs
from robusthash.testing.victims import SIDE
from robusthash.training import AdversarialTraining, Outputs, Scene, build_network, build_towers, defense_context, train
from robusthash.training.trainer.sharing import Sharing

CPU = torch.device("cpu")
PROCESSES = 3
#: 26 items in batches of 7: shares of 3, 2 and 2, and of 2, 2 and 1; plain steps, as Adam's make much of rounding.
RECIPE = Recipe(optimizer="sgd", lr=0.02, epochs=2, batch_size=7, weight_decay=1e-3)


@dataclass(frozen=True, kw_only=True)
class Normed(Backbone):
    """Batch normalisation, whose statistics are of the whole batch."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    image_size: int = 8
    dropout: float = 0.0

    def build(self, weights: str) -> tuple[nn.Module, int]:
        layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(self.dropout)]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.BatchNorm1d(24, momentum=None)), 24


@dataclass(frozen=True, kw_only=True)
class PairLoss(Objective):
    """Over all pairs of a batch and a bank, with a head that draws."""

    pairing: str = "bank"  # type: ignore[assignment]  # narrower in the contract

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module:
        return nn.Sequential(nn.Linear(bits, classes), nn.Dropout(0.3))

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        assert step.head is not None
        told = (step.head(relaxed) - labels).square().mean()
        return told + (relaxed @ pairs.codes.T / step.bits - (2 * pairs.similar - 1)).square().mean()


def pairwise(codes: Tensor, labels: Tensor) -> Tensor:
    alike = 2 * (labels @ labels.T > 0).float() - 1
    return (codes @ codes.T / codes.shape[1] - alike).square().mean()


@dataclass(frozen=True, kw_only=True)
class Words(TextBackbone):
    """A layer over words."""

    def build(self, modality: Modality) -> tuple[nn.Module, int]:
        return nn.Sequential(nn.Linear(modality.shape[0], 16), nn.ReLU()), 16


@dataclass(frozen=True, kw_only=True)
class Pull(CrossModalObjective):
    """Over both towers' banks, with batch normalisation behind what is shared out."""

    banked: ClassVar[bool] = True

    @property
    def networks(self) -> Mapping[str, str]:
        return {TEXT: "words"}

    def neck(self, modality: str, width: int) -> tuple[nn.Module, int]:
        return nn.Sequential(nn.Linear(width, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2)), 8

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        image, text = batch.towers[IMAGE], batch.towers[TEXT]
        pairs = [one.relaxed @ other.bank.T / one.relaxed.shape[1] for one in (image, text) for other in (image, text)]
        return torch.stack([(found - (2 * batch.similar - 1)).square().mean() for found in pairs]).sum()


@dataclass(frozen=True, kw_only=True)
class FromCentre(AdversarialTraining):
    """Away from the centre codes."""

    epochs: int = 2
    steps: int = 2
    batch_size: int = 7

    def codes(self, scene: Scene) -> Tensor:
        return centre(scene.labels, scene.banks.codes, scene.banks.labels).to(scene.banks.codes)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        return -(crafted.relaxed * self.codes(scene)).mean()

    def clean_loss(self, clean: Outputs, scene: Scene) -> Tensor:
        return pairwise(clean.relaxed, scene.labels)


@dataclass(frozen=True, kw_only=True)
class Student(FromCentre):
    """Away from the teacher's codes; it learns its features."""

    distils: ClassVar[bool] = True

    def codes(self, scene: Scene) -> Tensor:
        return sign(scene.taught.logits)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        found, wanted = crafted.features, scene.taught.features
        assert found is not None, "the model is in layers"
        assert wanted is not None, "so is its teacher"
        return (found - wanted).square().mean()


class Weights(LossStep[HashModel]):
    """A loss that shares nothing out, and looks at the weights themselves."""

    def identity(self) -> str:
        return "weights"

    def loss(self, model: HashModel, batch: TrainBatch, step: TrainStep) -> Tensor:
        size = torch.stack([one.square().sum() for one in model.parameters()]).sum()
        return pairwise(torch.tanh(model(batch.images)), batch.labels) + 1e-3 * size


def data(split: Split) -> RetrievalData:
    return RetrievalData(
        name="toy",
        classes=tuple(map(str, range(split.labels.shape[1]))),
        query=replace(split, name="query"),
        database=replace(split, name="database"),
        train=split,
    )


def images(items: int = 26) -> Split:
    split = toy_pairs("train", items, seed=3)
    return replace(split, views={IMAGE: split.images})


def network(**options: float) -> HashModel:
    return build_network(Normed(**options), bits=8, image_size=SIDE, weights="none", seed=0)


def objective(team: Team) -> nn.Module:
    model = network()
    train(model, PairLoss(), RECIPE, data(images()), seed=0, device=CPU, team=team)
    return model


def short_batches(team: Team) -> nn.Module:
    """A last batch of two items, which all three processes compute."""
    model = network()
    train(model, PairLoss(), replace(RECIPE, batch_size=24), data(images()), seed=0, device=CPU, team=team)
    return model


def unshared(team: Team) -> nn.Module:
    model = network()
    train(model, Weights(), RECIPE, data(images()), seed=0, device=CPU, team=team)
    return model


def hardened(team: Team) -> nn.Module:
    """An inner attack in training mode, whose gradient comes from all processes."""
    method = FromCentre(inner_train=True, epsilon=0.1)
    model, _ = method.train(network(), defense_context(data(images()), seed=0, device=CPU, team=team))
    return model


def distilled(team: Team) -> nn.Module:
    """By a teacher that each process has whole, with a consistency of codes and an average of the weights."""
    method = Student(epsilon=0.1, consistency=0.5, average=0.9)
    model, _ = method.train(network(), defense_context(data(images()), seed=0, device=CPU, team=team))
    return model


def two_towers(team: Team) -> nn.Module:
    """Trained, and hardened by attacks on both."""
    pairs, backbones = data(toy_pairs("train", 26, seed=7, tags=True)), {IMAGE: Normed(), TEXT: Words()}
    model = build_towers(Pull(), backbones, pairs.modalities, bits=8, weights="none", seed=0)
    train(model, Pull(), RECIPE, pairs, seed=0, device=CPU, team=team)
    context = defense_context(pairs, seed=0, objective=Pull(), device=CPU, team=team)
    hardened, _ = FromCentre(epsilon=0.1).train_towers(model, context)
    return hardened


def resumed(team: Team) -> nn.Module:
    """Interrupted after its first epoch; the first process has stored it, and all go on with that."""
    partial = Path(team.agreed(tempfile.mkdtemp())) / "partial"
    options: dict[str, Any] = {"seed": 0, "device": CPU, "team": team, "partial": partial, "partial_seconds": 0}
    epochs: list[int] = []
    for watch in (interrupting, lambda epoch, *_told: epochs.append(epoch)):
        model = network()
        with suppress(InterruptedError):
            train(model, PairLoss(), replace(RECIPE, epochs=4), data(images()), watch=watch, **options)
    assert epochs == [2, 3, 4], "it has not gone on"
    return model


def interrupting(epoch: int, *_told: object) -> None:
    if epoch == 2:
        raise InterruptedError


CASES: dict[str, Callable[[Team], nn.Module]] = {
    one.__name__: one for one in (objective, resumed, short_batches, unshared, hardened, distilled, two_towers)
}


def work(rank: int, folder: Path) -> None:
    """What one process does."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meet",
        rank=rank,
        world_size=PROCESSES,
        timeout=timedelta(seconds=300),
    )
    team = Team(rank=rank, size=PROCESSES)
    for name, case in CASES.items():
        torch.save(case(team).state_dict(), folder / f"{name}-{rank}.pt")
    if rank:
        os._exit(3)  # what the other one is told of next
    try:
        team.add(torch.ones(1))
    except StorageError as error:
        (folder / "told").write_text(error.message)
    os._exit(0)  # not by torch's own clean-up, which may abort when the peer is gone


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("team")
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=work, args=(rank, folder)) for rank in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 3, 3]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_together_as_alone(trained: Path, name: str) -> None:
    """Up to the rounding of sums; and all processes have the same bits."""
    alone = CASES[name](Team()).state_dict()
    first, *others = (torch.load(trained / f"{name}-{rank}.pt") for rank in range(PROCESSES))
    assert alone.keys() == first.keys()
    for key, value in alone.items():
        assert all(torch.equal(first[key], one[key]) for one in others), key
        apart = float((value.double() - first[key].double()).abs().max())
        assert apart <= 2e-5 * max(1.0, float(value.double().abs().max())), key


@pytest.mark.slow
def test_a_process_that_ends_is_told_of(trained: Path) -> None:
    assert (trained / "told").read_text() == "another process that learns together with this one has ended"


def test_only_meanwhile_a_part_is_called_otherwise() -> None:
    random, model = Randomness(seed=0, purpose="draws"), network()
    with Sharing([model], Team(), random).sharing():
        assert not replaced(model)
    with Sharing([model], Team(size=2), random).sharing():
        assert replaced(model) == {"HashNetwork", "BatchNorm2d", "BatchNorm1d"}
    assert not replaced(model)


def replaced(model: nn.Module) -> set[str]:
    return {type(one).__name__ for one in model.modules() if "forward" in vars(one)}
