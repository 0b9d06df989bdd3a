"""Crafts adversarial inputs: runs an attack on some queries; of an ensemble's members the strongest outcome is kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Budget, Ensemble, read_inputs
from robusthash.devices import synchronize
from robusthash.errors import PluginError
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.evaluation.crafting.trace import Trace
from robusthash.results import Cost
from robusthash.specs import Goal

Begin = Callable[[Sequence[int]], Tensor]
"""From positions of queries to where an attack on them starts: the queries as another attack leaves them, unrounded."""


def craft(job: Job, rows: Sequence[int], *, restart: int = 0, begin: Begin | None = None) -> Crafted:
    """Attacks some queries of a job; an ensemble yields the strongest outcome of each query.

    Args:
        job: the attack and its victim.
        rows: positions of the queries in the job's inputs.
        restart: index of the try; every try after the first, 0, starts at a random point, and is of this cell alone.
        begin: where it starts, for an attack that refines; None is where it starts by itself.

    Raises:
        PluginError: the attack raised an unexpected error, or violated its contract.
        UsageError: the model cannot be compiled.
        MemoryLimitError: a single input does not fit into memory.
    """
    if isinstance(job.attack, Ensemble):
        return _strongest(job, job.attack, rows)
    # Some queries of a shard are crafted on their own: what else was in their batch must not depend on other cells.
    whole = not restart and begin is None and all(row == rows[0] + place for place, row in enumerate(rows))
    path = job.shared / f"{rows[0]:06d}-{len(rows):06d}.npz" if job.shared and whole else None
    if path is not None and path.exists():
        return Crafted.read(path, read_inputs(job.inputs, list(rows)).to(job.compute.device), job.threat)
    crafted = Crafted.cat(job.compute.batches.run(rows, partial(_as_one_batch, job, restart=restart, begin=begin)))
    if path is not None:
        crafted.write(path)
    return crafted


def _as_one_batch(job: Job, rows: Sequence[int], restart: int, begin: Begin | None) -> Crafted:
    device = job.compute.device
    batch = job.batch(torch.as_tensor(rows, dtype=torch.int64))
    budget, trace = Budget(), Trace()
    context = job.context(budget, trace, restart)
    started = time.perf_counter()
    if begin is not None:
        batch = replace(batch, start=begin(rows))
    elif job.start is not None and not restart:
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


def _strongest(job: Job, ensemble: Ensemble, rows: Sequence[int]) -> Crafted:
    """Attacks queries with every member; those that are not broken are attacked again.

    A member that refines starts at the strongest outcome so far, the others at random points in every try but the
    first. The cost is the sum over all tries.
    """
    targeted = ensemble.goal is Goal.TARGETED
    judge, labels = job.judge, job.knowledge.targets if targeted else job.knowledge.labels
    if judge is None or labels is None or not job.members:
        raise PluginError(f"{type(ensemble).__name__} has no members to judge")
    sign = -1 if targeted else 1  # of a score, so that the lowest is the strongest
    limit = sign * judge.strongest_possible(labels[list(rows)], targeted=targeted) + ensemble.broken
    best = _Best(rows=rows)
    for restart in range(ensemble.restarts):
        left = best.above(limit)
        for number, one in enumerate(job.members):
            if ensemble.sparing:
                left = best.above(limit)
            if not len(left):
                break
            part = [rows[i] for i in left.tolist()]
            crafted = craft(one, part, restart=restart, begin=best.begin if one.attack.refines else None)
            scores = judge.judged(job.victim.represent(crafted.adversarial.inputs).cpu(), labels[part])
            best.learn(number, left, crafted, sign * scores)
    return best.outcome(ensemble)


class _Best:
    """The strongest outcome so far of each query; of equal ones the first.

    Args:
        rows: positions of the queries.
    """

    def __init__(self, *, rows: Sequence[int]) -> None:
        self._places = {row: place for place, row in enumerate(rows)}
        self._scores = np.full(len(rows), np.inf)  # the lower, the stronger
        self._member = torch.zeros(len(rows), dtype=torch.int64)
        self._kept: Crafted | None = None
        self._cost, self._batch = Cost(), 0

    def above(self, limit: np.ndarray) -> np.ndarray:
        """Places of the queries whose score is above a limit, (n,)."""
        return np.flatnonzero(self._scores > limit)

    @property
    def begin(self) -> Begin | None:
        """Where a member starts that refines; None before there is an outcome."""
        if self._kept is None:
            return None
        unrounded = self._kept.adversarial.unrounded
        return lambda rows: unrounded[[self._places[row] for row in rows]]

    def learn(self, member: int, places: np.ndarray, crafted: Crafted, scores: np.ndarray) -> None:
        """Keeps what is stronger than before.

        Args:
            member: its index.
            places: (m,) of the queries that it attacked; the first attacks all.
            crafted: what it made of them.
            scores: (m,) of that.
        """
        self._cost, self._batch = self._cost + crafted.cost, max(self._batch, crafted.batch)
        better = scores < self._scores[places]
        at = torch.from_numpy(places[better])
        self._member[at], self._scores[places[better]] = member, scores[better]
        if self._kept is None:
            self._kept = crafted
        else:
            stronger = crafted.adversarial.where(torch.from_numpy(better))
            self._kept = replace(self._kept, adversarial=self._kept.adversarial.replaced(at, stronger))

    def outcome(self, ensemble: Ensemble) -> Crafted:
        """All that is kept, and what it cost.

        Raises:
            PluginError: there is nothing.
        """
        if self._kept is None:
            raise PluginError(f"{type(ensemble).__name__} makes no try", hint="its `restarts` is at least 1")
        return replace(self._kept, cost=self._cost, batch=self._batch, member=self._member, trace=None)
