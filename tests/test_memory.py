"""Running out of memory leads to smaller batches, and to an error only where a single image does not fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import Attack, AttackBatch, AttackContext
from robusthash.errors import MemoryLimitError
from robusthash.evaluation import Request, RunSettings, evaluate
from robusthash.evaluation.crafting.craft import craft
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.host import PluginHost
from robusthash.memory import Batches, is_out_of_memory
from robusthash.results import ResultStore


def limited(most: int) -> list[list[int]]:
    """The batches in which ten rows are done by work that takes so many at most."""
    done: list[list[int]] = []

    def work(rows: Sequence[int]) -> None:
        if len(rows) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        done.append(list(rows))

    Batches().run(range(10), work)
    return done


@pytest.mark.parametrize(
    ("most", "sizes"), [(10, [10]), (9, [5, 5]), (4, [2, 2, 2, 2, 2]), (2, [2, 2, 2, 2, 2]), (1, [1] * 10)]
)
def test_batches_are_halved_until_they_fit(most: int, sizes: list[int]) -> None:
    done = limited(most)
    assert [len(rows) for rows in done] == sizes
    assert [row for rows in done for row in rows] == list(range(10))


def test_what_did_not_fit_is_not_tried_again() -> None:
    tried: list[int] = []

    def work(rows: Sequence[int]) -> int:
        tried.append(len(rows))
        if len(rows) > 3:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return len(rows)

    batches = Batches()
    assert batches.run(range(8), work) == [2, 2, 2, 2]
    assert batches.run(range(4), work) == [2, 2]
    assert tried == [8, 4, 2, 2, 2, 2, 2, 2]


def test_a_single_image_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(MemoryLimitError, match="single image"):
        limited(0)


def test_other_errors_are_not_taken_for_memory() -> None:
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("not enough memory"))
    with pytest.raises(RuntimeError, match="shapes"):
        Batches().run(range(2), lambda _rows: (_ for _ in ()).throw(RuntimeError("shapes do not match")))


@dataclass(frozen=True, kw_only=True)
class Greedy(Attack):
    """Takes five images at most, and lightens them by what their ids say."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        if len(batch.ids) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        context.surrogate(batch.inputs)
        lighter = batch.ids.float().view(-1, 1, 1, 1) / 1000
        return (batch.inputs + lighter).clamp(0, 1)


@pytest.mark.usefixtures("cache")
def test_an_attack_that_runs_out_of_memory_goes_on_with_fewer_queries(
    last_cell: Callable[[Request], PreparedCell],
) -> None:
    setting = RunSettings(queries=12, shard_size=12, options={"train": {"epochs": "3"}})
    job = last_cell(Request(models=("dpsh",), setting=setting, attacks=())).job
    crafted = craft(replace(job, attack=Greedy()), range(12))
    assert crafted.batch == 3
    assert crafted.cost.forward == 12
    assert len(crafted.clean) == 12
    expected = craft(replace(job, attack=Greedy()), range(5))
    assert torch.equal(crafted.adversarial.inputs[:5], expected.adversarial.inputs)


@pytest.mark.usefixtures("cache")
def test_half_precision_and_compilation_are_recorded_and_scored_alike(host: PluginHost, tmp_path: Path) -> None:
    from robusthash.contracts import Precision

    options = {"train": {"epochs": "3"}, "rnm": {"steps": "10"}}
    setting = RunSettings(queries=8, options=options)
    whole, half = (
        evaluate(
            Request(models=("dpsh",), attacks=("rnm",), epsilons=(0.1,), setting=replace(setting, precision=precision)),
            host,
            results=tmp_path,
        ).records[-1]
        for precision in Precision
    )
    assert (whole.attack.precision, half.attack.precision) == ("float32", "bf16")
    assert whole.digest != half.digest
    store = ResultStore(tmp_path)
    np.testing.assert_array_equal(store.arrays(whole).to_arrays()["clean"], store.arrays(half).to_arrays()["clean"])
    assert half.measure("adversarial").value == pytest.approx(whole.measure("adversarial").value, abs=0.05)
