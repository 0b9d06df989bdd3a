"""A margin hinge on the logits. It is from no paper: the simplest loss whose gradient on wrong bits is constant."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import GradientAttack
from robusthash.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Hinge(GradientAttack):
    """Minimises ``mean_k max(0, margin - f(x)_k h_k)`` per sample.

    The gradient of a wrong bit is constant; that of a bit on the aim's side by at least the margin is zero.
    """

    margin: float = 1.0  #: how far on the aim's side a logit no longer counts

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin <= 0:
            raise OptionError(f"margin={self.margin}", hint="a margin is positive: at 0 a logit may stop at 0")

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return (self.margin - logits * aim).clamp_min(0).mean(1)
