"""Where a gradient attack starts: at the clean input, at a random point, or where other attacks leave off."""

from enum import StrEnum

import torch
from torch import Tensor

from robusthash.contracts import AttackBatch, Randomness, Threat
from robusthash.errors import CapabilityError


class Start(StrEnum):
    """Names of the starts that are no attack's name."""

    ZERO = "zero"  #: the clean input
    RANDOM = "random"  #: a uniform point of the ball
    BEST = "best"  #: an ensemble's strongest outcome so far; a random point where there is none


def start_of(
    start: Start | str, batch: AttackBatch, rows: Tensor, threat: Threat, random: Randomness, *, run: int
) -> Tensor:
    """The perturbations that a run starts with, inside the ball and the box.

    Args:
        start: of the run; a text is the name of the attack that has found ``batch.start``.
        batch: all queries.
        rows: (m,) int64, positions of the queries of this run.
        threat: the ball and the box.
        random: of the attack.
        run: index of the run, whose random numbers differ from those of other runs.

    Returns:
        (m, ...) float, with the dtype and device of ``batch.inputs``.

    Raises:
        CapabilityError: the batch has no start, and an attack is to start at another one.
    """
    clean = batch.inputs[rows]
    if start == Start.ZERO:
        return torch.zeros_like(clean)
    if start == Start.RANDOM or (start == Start.BEST and batch.start is None):
        uniform = random.uniform(batch.ids[rows], tuple(clean.shape[1:]), restart=run)
        return threat.point(uniform, clean) - clean
    if batch.start is None:
        raise CapabilityError(
            f"it starts where attack {start!s} leaves each query, and the batch has no start",
            hint="evaluate it with robusthash eval, which runs that attack first; or use start=random",
        )
    return threat.project(batch.start[rows], clean) - clean
