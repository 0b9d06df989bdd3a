"""A descent to a code, for the benchmarks of the gradient engine that need no attack around it."""

from collections.abc import Callable

import torch
from torch import Tensor

from robusthash.adversary import Schedule, Towards, descend
from robusthash.contracts import Surrogate, Threat

THREAT = Threat(epsilon=8 / 255)


def product(logits: Tensor, aim: Tensor, _progress: float) -> Tensor:
    """(n,), the cheapest of losses: minus the mean product of logits and aim."""
    return -(logits * aim).mean(1)


def pull(
    surrogate: Surrogate,
    clean: Tensor,
    aim: Tensor,
    schedule: Schedule,
    loss: Callable[[Tensor, Tensor, float], Tensor] = product,
) -> None:
    """Runs the engine from the clean inputs.

    Args:
        surrogate: the attacked model.
        clean: (n, ...) float, in the box and on its levels.
        aim: (n, bits) float in {-1, +1}, to be reached.
        schedule: the steps.
        loss: (logits, aim, progress) -> (n,).
    """
    objective = Towards(aim=aim, of=loss, space=surrogate.space)
    descend(surrogate, clean, torch.zeros_like(clean), objective, THREAT, schedule)
