"""The center-guided attack of CgAT (Wang et al., WWW 2023)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack


@dataclass(frozen=True, kw_only=True)
class Center(GradientAttack):
    """Moves away from the centre code of the query's own label: minimises ``-mean(tanh(f(x)) h)`` per sample."""

    aim: Aim = Aim.CENTRE  #: the code to reach
    random_start: bool = True  #: start at a uniform point of the ball instead of the clean image

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return -(torch.tanh(logits) * aim).mean(1)
