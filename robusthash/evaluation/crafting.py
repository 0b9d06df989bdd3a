"""Crafting: an attack run on some queries as one batch, with all that it is handed, counted and timed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from robusthash.arrays import read_arrays, write_arrays
from robusthash.contracts import (
    Adversarial,
    Attack,
    AttackBatch,
    AttackContext,
    Budget,
    CodeBank,
    Ensemble,
    HashModel,
    Images,
    Index,
    Oracle,
    Precision,
    Randomness,
    Surrogate,
    Threat,
)
from robusthash.errors import PluginError, RobustHashError, UsageError
from robusthash.evaluation.trace import Trace, joined
from robusthash.hashing import pack
from robusthash.memory import Batches, is_out_of_memory

_COMPILER = ("torch._dynamo", "torch._inductor")  #: where the errors of compilation come from


class Judge(Protocol):
    """What decides which outcome of an ensemble is worst."""

    def headline(self, packed: Tensor, rows: Sequence[int]) -> np.ndarray:
        """The headline metric of some queries: (rows,) float64, by their packed codes (rows, bytes) uint8."""
        ...

    def worst_possible(self, rows: Sequence[int]) -> np.ndarray:
        """The least that the headline metric of these queries can be: (rows,) float64."""
        ...


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attack on one victim, ready to run on any of its queries.

    Attributes:
        victim: scored; in evaluation mode, parameters frozen, on the device.
        surrogate: crafted on; the victim itself in a white-box evaluation.
        attack: what perturbs the queries.
        purpose: key of the attack's randomness, its full name.
        images: all queries to attack.
        ids: (n,) int64, their positions in the dataset's query split.
        threat: how far the attack may go.
        seed: of the run.
        device: where to compute.
        members: of an ensemble, the jobs of its attacks.
        judge: of an ensemble, what decides which outcome is worst.
        labels: (n, classes) uint8, their labels; None where the attack has no business knowing them.
        targets: (n, classes) uint8, target labels of a targeted attack.
        anchors: (n, voters, bits) int8, codes with the target label.
        bank: codes and labels of the train split, where the attack needs them; on the device.
        index: what the victim's service searches, where the attack asks it.
        fitted: what the attack has learnt, on the device.
        precision: of the passes through the surrogate.
        run: a compiled form of the surrogate; None is the surrogate itself.
        batches: how many queries fit into memory at once.
        kept: folder where outcomes are kept that other cells need too; None keeps nothing.
    """

    victim: HashModel
    surrogate: HashModel
    attack: Attack
    purpose: str
    images: Images
    ids: Tensor
    threat: Threat
    seed: int
    device: torch.device
    members: "tuple[Job, ...]" = ()
    judge: Judge | None = None
    labels: Tensor | None = None
    targets: Tensor | None = None
    anchors: Tensor | None = None
    bank: CodeBank | None = None
    index: Index | None = None
    fitted: Mapping[str, Tensor] | None = None
    precision: Precision = Precision.FLOAT32
    run: Callable[[Tensor], Tensor] | None = None
    batches: Batches = field(default_factory=Batches)
    kept: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Crafted:
    """Some queries, attacked.

    Attributes:
        clean: (n, 3, h, w) float32, the clean inputs.
        adversarial: what the guard handed on.
        budget: what was spent.
        seconds: the time spent.
        batch: most queries that were attacked at once.
        member: (n,) int64, for an ensemble, the member that each query's outcome is from.
        trace: (n, steps + 1) int16, the distance to the aim of what would be delivered after so many steps; None if the
            attack does not tell.
    """

    clean: Tensor
    adversarial: Adversarial
    budget: Budget
    seconds: float
    batch: int
    member: Tensor | None = None
    trace: np.ndarray | None = None


def craft(job: Job, rows: Sequence[int]) -> Crafted:
    """Attacks some of a job's queries, as one batch if memory allows.

    Args:
        job: the attack and its victim.
        rows: which queries.

    Raises:
        PluginError: the attack raised something of its own, or broke its contract.
        MemoryLimitError: a single image does not fit into memory.
    """
    if isinstance(job.attack, Ensemble):
        return _worst(job, job.attack, rows)
    path = job.kept / f"{rows[0]:06d}-{len(rows):06d}.npz" if job.kept else None
    if path is not None and path.exists():
        return _read(path, job, rows)
    crafted = _attack(job, rows, restart=0)
    if path is not None:
        _write(path, crafted)
    return crafted


def _attack(job: Job, rows: Sequence[int], restart: int) -> Crafted:
    return _together(job.batches.run(rows, lambda part: _as_one_batch(job, part, restart)))


def _as_one_batch(job: Job, rows: Sequence[int], restart: int) -> Crafted:
    index = torch.as_tensor(rows, dtype=torch.int64)
    batch = AttackBatch(
        inputs=job.images.pixels(list(rows)).to(job.device),
        ids=job.ids[index].to(job.device),
        labels=_rows(job.labels, index, job.device),
        targets=_rows(job.targets, index, job.device),
        anchors=_rows(job.anchors, index, job.device),
    )
    budget, trace = Budget(), Trace(batch.ids)
    context = AttackContext(
        surrogate=Surrogate(job.surrogate, budget, run=job.run, precision=job.precision),
        threat=job.threat,
        random=Randomness(seed=job.seed, purpose=job.purpose),
        bank=job.bank,
        oracle=Oracle(job.victim, job.index, budget) if job.index is not None else None,
        fitted=job.fitted,
        restart=restart,
        observe=trace,
    )
    started = time.perf_counter()
    try:
        adversarial = job.attack(batch, context)
    except RobustHashError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise  # a smaller batch may fit
        if type(error).__module__.startswith(_COMPILER):
            raise UsageError(f"the model cannot be compiled here: {error}", hint="leave out --compile") from error
        raise PluginError(
            f"it raised {type(error).__name__}: {error}", hint="report it to the plugin's author"
        ) from error
    if job.device.type == "cuda":
        torch.cuda.synchronize(job.device)
    return Crafted(
        clean=batch.inputs,
        adversarial=adversarial,
        budget=budget,
        seconds=time.perf_counter() - started,
        batch=len(rows),
        trace=trace.matrix(),
    )


def _worst(job: Job, ensemble: Ensemble, rows: Sequence[int]) -> Crafted:
    """Each query's worst outcome of several attacks; of equals the first. What they spent is summed."""
    judge = job.judge
    if judge is None:
        raise PluginError(f"{type(ensemble).__name__} has nobody to judge its members")

    def judged(crafted: Crafted, part: Sequence[int]) -> np.ndarray:
        return judge.headline(pack(job.victim.codes(crafted.adversarial.inputs)).cpu(), part)

    tries = [craft(member, rows) for member in job.members]
    scores = np.stack([judged(one, rows) for one in tries])
    member, least = scores.argmin(axis=0), scores.min(axis=0)
    chosen = _chosen([one.adversarial for one in tries], torch.from_numpy(member))
    spent = list(tries)
    for restart in range(1, ensemble.restarts):
        left = np.flatnonzero(least > judge.worst_possible(rows) + ensemble.broken)
        part = [rows[i] for i in left.tolist()]
        if not part:
            break
        for number, one in enumerate(job.members):
            again = _attack(one, part, restart)
            spent.append(again)
            found = judged(again, part)
            better = found < least[left]
            at, from_ = torch.from_numpy(left[better]), torch.from_numpy(better)
            for name in ("inputs", "unrounded", "clipped"):
                getattr(chosen, name)[at] = getattr(again.adversarial, name)[from_]
            member[left[better]], least[left[better]] = number, found[better]
    return Crafted(
        clean=tries[0].clean,
        adversarial=chosen,
        budget=_summed(spent),
        seconds=sum(one.seconds for one in spent),
        batch=max(one.batch for one in spent),
        member=torch.from_numpy(member),
    )


def _chosen(outcomes: Sequence[Adversarial], member: Tensor) -> Adversarial:
    query = torch.arange(len(member))
    inputs, unrounded, clipped = (
        torch.stack([getattr(one, name) for one in outcomes])[member, query]
        for name in ("inputs", "unrounded", "clipped")
    )
    return Adversarial(inputs=inputs, unrounded=unrounded, clipped=clipped)


def _together(parts: Sequence[Crafted]) -> Crafted:
    if len(parts) == 1:
        return parts[0]
    inputs, unrounded, clipped = (
        torch.cat([getattr(part.adversarial, name) for part in parts]) for name in ("inputs", "unrounded", "clipped")
    )
    return Crafted(
        clean=torch.cat([part.clean for part in parts]),
        adversarial=Adversarial(inputs=inputs, unrounded=unrounded, clipped=clipped),
        budget=_summed(parts),
        seconds=sum(part.seconds for part in parts),
        batch=max(part.batch for part in parts),
        trace=joined([part.trace for part in parts if part.trace is not None]),
    )


def _summed(parts: Sequence[Crafted]) -> Budget:
    forward, backward, queries = (
        sum(getattr(part.budget, name) for part in parts) for name in ("forward", "backward", "queries")
    )
    return Budget(forward=forward, backward=backward, queries=queries)


def _write(path: Path, crafted: Crafted) -> None:
    outcome, budget = crafted.adversarial, crafted.budget
    arrays = {
        "inputs": (outcome.inputs * 255).round().to(torch.uint8).cpu().numpy(),
        "unrounded": outcome.unrounded.cpu().numpy(),
        "clipped": outcome.clipped.cpu().numpy(),
        "spent": np.array([budget.forward, budget.backward, budget.queries, crafted.batch]),
        "seconds": np.array([crafted.seconds]),
    }
    write_arrays(path, arrays if crafted.trace is None else arrays | {"trace": crafted.trace})


def _read(path: Path, job: Job, rows: Sequence[int]) -> Crafted:
    arrays = read_arrays(path)
    forward, backward, queries, batch = (int(count) for count in arrays["spent"])
    levels = torch.from_numpy(arrays["inputs"]).to(job.device).float()
    return Crafted(
        clean=job.images.pixels(list(rows)).to(job.device),
        adversarial=Adversarial(
            inputs=levels / levels.new_full((), 255),
            unrounded=torch.from_numpy(arrays["unrounded"]).to(job.device),
            clipped=torch.from_numpy(arrays["clipped"]).to(job.device),
        ),
        budget=Budget(forward=forward, backward=backward, queries=queries),
        seconds=float(arrays["seconds"][0]),
        batch=batch,
        trace=arrays.get("trace"),
    )


def _rows(tensor: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor[index].to(device)
