"""The annealed tanh attack: P2P, or DHTA if the aim is a vote (Bai et al., ECCV 2020, section 3.3)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.adversary import GradientAttack, annealed_scale


@dataclass(frozen=True, kw_only=True)
class Tanh(GradientAttack):
    """Minimises ``-<tanh(a f(x)), h> / K`` per sample, with a slope ``a`` that grows from 0.1 to 1 (eqs. 9 and 10)."""

    scale: float | None = None  #: a fixed slope a; none anneals it

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        scale = annealed_scale(progress) if self.scale is None else self.scale
        return -(torch.tanh(scale * logits) * aim).mean(1)
