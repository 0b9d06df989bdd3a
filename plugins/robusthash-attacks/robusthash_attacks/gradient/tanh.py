"""The tanh attack: P2P, or DHTA if the aim is a vote (Bai et al., ECCV 2020, section 3.3)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import GradientAttack, Scale, Slope, check_scale, relaxed


@dataclass(frozen=True, kw_only=True)
class Tanh(GradientAttack):
    """Minimises ``-<tanh(a f(x)), h> / K`` per sample, for a code ``h`` (eqs. 9 and 10)."""

    scale: Scale = Slope.RELATIVE  #: slope a of tanh(a f): a number, relative to fit the logits, none to anneal it

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        return -(relaxed(logits, self.scale, progress) * aim).mean(1)
