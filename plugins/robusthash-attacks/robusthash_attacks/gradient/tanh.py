"""The tanh attack: P2P, or DHTA if the aim is a vote (Bai et al., ECCV 2020, section 3.3)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import GradientAttack, Sloped


@dataclass(frozen=True, kw_only=True)
class Tanh(Sloped, GradientAttack):
    """Minimises ``-<tanh(a f(x)), h> / K`` per sample, for a code ``h`` (eqs. 9 and 10)."""

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        return -(self.relaxed(logits, progress) * aim).mean(1)
