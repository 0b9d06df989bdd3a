"""The generators that an attack may use, and the guide that they may be shown."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from robusthash.contracts import Surrogate
from robusthash_attacks.learnt.compact import CompactGenerator
from robusthash_attacks.learnt.generator import Generator

Network = Literal["compact", "published"]

NETWORKS: dict[Network, type[CompactGenerator | Generator]] = {"compact": CompactGenerator, "published": Generator}


def downhill(surrogate: Surrogate, start: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """The signs of the direction in which a loss falls, in {-1, 0, +1}: (n, 3, h, w).

    Args:
        surrogate: passed once, forward and backward.
        start: (n, 3, h, w) float, where the gradient is taken.
        loss: of outputs (n, size), to a scalar in which the images do not mix.
    """
    with torch.enable_grad():
        start = start.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss(surrogate(start)), start)
    return -slope.sign()
