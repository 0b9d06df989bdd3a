"""CgAT's released loop, in plain torch, against the package's ``cgat/released``: the same batches, the same weights."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.defenses.released_loop import Switches, harden
from robusthash.contracts import ArrayImages, Randomness, RetrievalData, Split, TrainStep
from robusthash.host import PluginHost, PluginKind
from robusthash.testing import SmallVictim, toy_images
from robusthash.training import AdversarialTraining, ObjectiveStep, defense_context
from robusthash.training.trainer import batches
from robusthash_defenses.cgat import CgAT
from robusthash_models.objectives.dpsh import DPSH

CPU = torch.device("cpu")
SEED, ITEMS, BITS = 3, 112, 12


def _data() -> RetrievalData:
    images, labels = toy_images(ITEMS, seed=5)
    levels = ArrayImages((images * 255).round().to(torch.uint8))
    names = tuple(map(str, range(ITEMS)))
    parts = {
        name: Split.of_images(name=name, images=levels, labels=labels, ids=names)
        for name in ("query", "database", "train")
    }
    return RetrievalData(name="toy", classes=tuple("abcd"), **parts)


def _hardened(changes: dict[str, Any], switches: dict[str, Any]) -> tuple[list[Tensor], list[Tensor], list[float]]:
    """Weights of the package, and of the loop, after as many epochs; and the loop's learning rates."""
    host, data, victim = PluginHost.load(), _data(), SmallVictim(bits=BITS)
    method = host.create(host.find(PluginKind.DEFENSE, "cgat/released"), {"epochs": 2} | changes)
    assert isinstance(method, AdversarialTraining)
    objective = DPSH(pairing="bank", eta=0.001)
    ours = method.harden(deepcopy(victim), defense_context(data, seed=SEED, objective=objective))

    def ordered(epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        if epoch < 0 and method.banking.first_codes == "evaluation":
            rows = torch.arange(ITEMS)
            yield data.train.images.inputs(rows.tolist()), data.train.labels.float(), rows
            return
        for batch in batches(data.train, method.recipe, seed=SEED, epoch=epoch, device=CPU):
            yield batch.images, batch.labels, batch.indices

    def starts(images: Tensor, rows: Tensor, epoch: int) -> Tensor:
        random = Randomness(seed=SEED, purpose="hardening").derived("start")
        return 2 * random.uniform(rows, tuple(images.shape[1:]), restart=epoch) - 1

    theirs = deepcopy(victim)
    made = replace(Switches(epochs=method.epochs, ties="up"), **switches)
    rates = harden(theirs, data.train.labels.float(), ordered, starts, made)
    return [one.detach() for one in ours.state_dict().values()], list(theirs.state_dict().values()), rates


@pytest.mark.parametrize(
    ("changes", "switches"),
    [
        ({}, {}),
        ({"schedule": "milestones"}, {"milestones": "epochs"}),
        ({"first_codes": "evaluation"}, {"first_codes": "evaluation"}),
        ({"first_codes": "evaluation", "shared_bank": False}, {"first_codes": "evaluation", "banks": "two"}),
        ({"inner_train": False}, {"inner": "evaluation"}),
    ],
)
def test_the_released_preset_and_each_of_its_switches_train_as_the_loop_does(
    changes: dict[str, Any], switches: dict[str, Any]
) -> None:
    ours, theirs, _ = _hardened(changes, switches)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine.float(), other.float(), atol=1e-6, rtol=1e-6)


def test_every_switch_makes_another_network() -> None:
    released = _hardened({}, {})[0]
    for changes in (
        {"schedule": "milestones"},
        {"first_codes": "evaluation"},
        {"shared_bank": False},
        {"inner_train": False},
    ):
        other = _hardened(changes, {})[0]
        apart = max(float((a.float() - b.float()).abs().max()) for a, b in zip(released, other, strict=True))
        assert apart > 1e-4, changes


def test_the_rate_of_the_loop_drops_when_torch_says_so() -> None:
    # 112 items are 4 batches of at most 32. Of 12 in all, half are 6 and three quarters 9; of 4, 2 and 3.
    rates = _hardened({"epochs": 3}, {"epochs": 3})[2]
    assert rates == pytest.approx([0.01] * 6 + [0.001] * 3 + [0.0001] * 3)


def test_a_shared_bank_is_one_after_a_snapshot_too() -> None:
    data, victim = _data(), SmallVictim(bits=BITS)
    for shared in (True, False):
        method = CgAT(shared_bank=shared)
        steps = [method.step(ObjectiveStep(DPSH(pairing="bank")), epsilon=0.1) for _ in range(2)]
        for step in steps:
            step.start(victim, data.train, TrainStep(epoch=0, epochs=1, iteration=0, bits=BITS), CPU)
        first, resumed = steps
        rows, logits = torch.tensor([4, 7]), torch.full((2, BITS), 0.3)
        first.banks.write(rows, logits)
        assert bool(first.banks.codes[rows].abs().eq(1).all()) is not shared
        resumed.restore({name: tensor.clone() for name, tensor in first.state().items()})
        assert torch.equal(resumed.banks.codes, first.banks.codes)
        assert torch.equal(resumed.banks.relaxed, first.banks.relaxed)
        resumed.banks.write(torch.tensor([1]), logits[:1])
        assert bool(resumed.banks.codes[1].abs().eq(1).all()) is not shared
