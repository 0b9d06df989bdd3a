"""Crafting: an attack run on some queries as one batch, or an ensemble, whose worst outcome is kept."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import (
    Adversarial,
    AttackBatch,
    AttackContext,
    Budget,
    Ensemble,
    Oracle,
    Randomness,
    Surrogate,
)
from robusthash.errors import PluginError, RobustHashError, UsageError
from robusthash.evaluation.crafting.crafted import Crafted, read_crafted, summed, together, write_crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.trace import Trace
from robusthash.hashing import pack
from robusthash.memory import is_out_of_memory

_COMPILER = ("torch._dynamo", "torch._inductor")  #: where the errors of compilation come from


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
        return read_crafted(path, job.images.inputs(list(rows)).to(job.device))
    crafted = _attack(job, rows, restart=0)
    if path is not None:
        write_crafted(path, crafted)
    return crafted


def _attack(job: Job, rows: Sequence[int], restart: int) -> Crafted:
    return together(job.batches.run(rows, lambda part: _as_one_batch(job, part, restart)))


def _as_one_batch(job: Job, rows: Sequence[int], restart: int) -> Crafted:
    index = torch.as_tensor(rows, dtype=torch.int64)
    batch = AttackBatch(
        inputs=job.images.inputs(list(rows)).to(job.device),
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
        budget=summed(spent),
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


def _rows(tensor: Tensor | None, index: Tensor, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor[index].to(device)
