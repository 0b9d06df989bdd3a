"""A margin hinge on the logits; no paper has it, and it is the plainest loss that pulls wrong bits at full strength."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import GradientAttack
from robusthash.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Hinge(GradientAttack):
    """Minimises ``mean_k max(0, margin - f(x)_k h_k)`` per sample.

    A bit that is wrong is pulled with full strength however far it is; a bit that is right by the margin is left alone.
    """

    margin: float = 1.0  #: how far on the aim's side a logit is left alone

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin <= 0:
            raise OptionError(f"margin={self.margin}", hint="a margin is positive: at 0 a bit may stop on the border")

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return (self.margin - logits * aim).clamp_min(0).mean(1)
