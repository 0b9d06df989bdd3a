"""Crafts adversarial inputs: runs an attack on some queries; of an ensemble's members the worst outcome is kept."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Adversarial, Budget, Ensemble, read_inputs
from robusthash.devices import synchronize
from robusthash.errors import PluginError
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.trace import Trace
from robusthash.results import Cost


def craft(job: Job, rows: Sequence[int], *, restart: int = 0) -> Crafted:
    """Attacks some queries of a job; an ensemble yields the worst outcome of each query.

    Args:
        job: the attack and its victim.
        rows: positions of the queries in the job's inputs.
        restart: index of the try; every try after the first, 0, starts at a random point, and is of this cell alone.

    Raises:
        PluginError: the attack raised an unexpected error, or violated its contract.
        UsageError: the model cannot be compiled.
        MemoryLimitError: a single input does not fit into memory.
    """
    if isinstance(job.attack, Ensemble):
        return _worst(job, job.attack, rows)
    path = job.shared / f"{rows[0]:06d}-{len(rows):06d}.npz" if job.shared and not restart else None
    if path is not None and path.exists():
        return Crafted.read(path, read_inputs(job.inputs, list(rows)).to(job.compute.device), job.threat)
    crafted = Crafted.cat(job.compute.batches.run(rows, partial(_as_one_batch, job, restart=restart)))
    if path is not None:
        crafted.write(path)
    return crafted


def _as_one_batch(job: Job, rows: Sequence[int], restart: int) -> Crafted:
    device = job.compute.device
    batch = job.batch(torch.as_tensor(rows, dtype=torch.int64))
    budget, trace = Budget(), Trace()
    context = job.context(budget, trace, restart)
    started = time.perf_counter()
    if job.start is not None and not restart:
        batch = replace(batch, start=_start(job.start, rows, batch.inputs, budget))
    adversarial = job.attack(batch, context)
    synchronize(device)
    return Crafted(
        clean=batch.inputs,
        adversarial=adversarial,
        cost=Cost(
            forward=budget.forward,
            backward=budget.backward,
            queries=budget.queries,
            seconds=time.perf_counter() - started,
        ),
        batch=len(rows),
        trace=trace.matrix(batch.ids),
    )


def _start(job: Job, rows: Sequence[int], inputs: Tensor, budget: Budget) -> Tensor:
    """Some queries as an attack leaves them, before rounding; what it spends is counted with what starts there."""
    batch = job.batch(torch.as_tensor(rows, dtype=torch.int64), inputs)
    return job.attack(batch, job.context(budget, Trace(), 0)).unrounded


def _worst(job: Job, ensemble: Ensemble, rows: Sequence[int]) -> Crafted:
    """Attacks queries with every member; those that no member has broken are attacked again from random starts.

    The first of equal outcomes is kept. The cost is the sum over all tries.
    """
    judge, labels = job.judge, job.knowledge.labels
    if judge is None or labels is None:
        raise PluginError(f"{type(ensemble).__name__} has no members to judge")

    def judged(crafted: Crafted, part: Sequence[int]) -> np.ndarray:
        return judge.judged(job.victim.represent(crafted.adversarial.inputs).cpu(), labels[list(part)])

    tries = [craft(member, rows) for member in job.members]
    scores = np.stack([judged(one, rows) for one in tries])
    member, least = torch.from_numpy(scores.argmin(axis=0)), scores.min(axis=0)
    worst = _chosen([one.adversarial for one in tries], member)
    spent, open_above = list(tries), judge.worst_possible(labels[list(rows)]) + ensemble.broken
    for restart in range(1, ensemble.restarts):
        left = np.flatnonzero(least > open_above)
        part = [rows[i] for i in left.tolist()]
        if not part:
            break
        for number, one in enumerate(job.members):
            again = craft(one, part, restart=restart)
            spent.append(again)
            found = judged(again, part)
            better = found < least[left]
            at = torch.from_numpy(left[better])
            worst = worst.replaced(at, again.adversarial.where(torch.from_numpy(better)))
            member[at], least[left[better]] = number, found[better]
    return Crafted(
        clean=tries[0].clean,
        adversarial=worst,
        cost=sum((one.cost for one in spent), Cost()),
        batch=max(one.batch for one in spent),
        member=member,
    )


def _chosen(outcomes: Sequence[Adversarial], member: Tensor) -> Adversarial:
    """Selects one of several outcomes per query: (n,) int64, its index."""
    query = torch.arange(len(member))

    def pick(parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts))[member, query]

    return Adversarial(
        inputs=pick([one.inputs for one in outcomes]),
        unrounded=pick([one.unrounded for one in outcomes]),
        clipped=pick([one.clipped for one in outcomes]),
    )
