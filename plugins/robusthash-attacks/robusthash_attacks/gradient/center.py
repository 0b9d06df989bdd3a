"""The center-guided attack of CgAT (Wang et al., WWW 2023)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack, Start


@dataclass(frozen=True, kw_only=True)
class Center(GradientAttack):
    """Moves away from the centre code of the query's own label: minimises ``-mean(tanh(f(x)) h)`` per sample."""

    aim: Aim = Aim.CENTRE  #: the code to reach
    start: Start | str = Start.RANDOM  #: zero, random, or an attack that learns

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return -(torch.tanh(logits) * aim).mean(1)
