"""The outcome of an ensemble: for each query the worst of several attacks, judged by the scale."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Adversarial, Ensemble
from robusthash.errors import PluginError
from robusthash.evaluation.crafting.craft import craft, craft_try
from robusthash.evaluation.crafting.crafted import Crafted
from robusthash.evaluation.crafting.job import Job
from robusthash.results import Cost


def craft_worst(job: Job, ensemble: Ensemble, rows: Sequence[int]) -> Crafted:
    """Attacks queries with every member; those that no member has broken are attacked again from random starts.

    The first of equal outcomes is kept. The cost is the sum over all tries.

    Args:
        job: the job of the ensemble.
        ensemble: its options.
        rows: positions of the queries in the job's inputs.

    Raises:
        PluginError: a member failed.
    """
    judge = job.judge
    if judge is None:
        raise PluginError(f"{type(ensemble).__name__} has no members to judge")

    def judged(crafted: Crafted, part: Sequence[int]) -> np.ndarray:
        return judge.judged(job.victim.represent(crafted.adversarial.inputs).cpu(), part)

    tries = [craft(member, rows) for member in job.members]
    scores = np.stack([judged(one, rows) for one in tries])
    member, least = torch.from_numpy(scores.argmin(axis=0)), scores.min(axis=0)
    worst = _chosen([one.adversarial for one in tries], member)
    spent = list(tries)
    for restart in range(1, ensemble.restarts):
        left = np.flatnonzero(least > judge.worst_possible[list(rows)] + ensemble.broken)
        part = [rows[i] for i in left.tolist()]
        if not part:
            break
        for number, one in enumerate(job.members):
            again = craft_try(one, part, restart=restart)
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
