"""The attack of SAAT on the mainstay code of a label (Yuan et al., IEEE TIFS 2023); PgA is of the same family."""

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from robusthash.adversary import Aim, GradientAttack, Sloped, Start
from robusthash.errors import OptionError


class Weighting(StrEnum):
    """How much each bit counts."""

    PLAIN = "plain"  #: all bits equally
    WEIGHTED = "weighted"  #: bits that have not flipped by a margin, the worst the most


@dataclass(frozen=True, kw_only=True)
class Mainstay(Sloped, GradientAttack):
    """Moves away from the mainstay code of the query's own label, or towards that of the target label.

    With ``s = tanh(a f(x)) h`` and the mask ``w = 1[s < 1/2]`` of bits that have not flipped by a margin, minimises
    ``sum(w (s - 2) s) / max(sum(w), 1)`` per sample; plain, ``-mean(s)``.
    """

    aim: Aim = Aim.MAINSTAY  #: the code to reach
    start: Start | str = Start.RANDOM  #: zero, random, best, or an attack that learns
    weighting: Weighting = Weighting.WEIGHTED  #: how much each bit counts
    saat_compat: bool = False  #: weights of a targeted attack as released: the worst bits get the least

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.saat_compat and (self.aim is not Aim.TO_MAINSTAY or self.weighting is Weighting.PLAIN):
            raise OptionError(
                f"saat_compat with aim={self.aim!s}, weighting={self.weighting!s}",
                hint="it needs the aim 'to-mainstay' and the weighting 'weighted'",
            )

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        turned = self.relaxed(logits, progress) * aim
        if self.weighting is Weighting.PLAIN:
            return -turned.mean(1)
        bits = -(turned + 2) * turned if self.saat_compat else (turned - 2) * turned
        return over_unturned(bits, turned)


def over_unturned(bits: Tensor, turned: Tensor, among: Tensor | None = None) -> Tensor:
    """The mean loss of the bits that have not flipped by a margin, ``s < 1/2``.

    Args:
        bits: (n, bits) float, the loss of each bit.
        turned: (n, bits) float, ``s``.
        among: (n, bits) float in {0, 1}, which bits count at all; None is all.

    Returns:
        (n,), 0 for a sample without such a bit.
    """
    mask = (turned < 0.5).to(turned.dtype)
    if among is not None:
        mask = mask * among
    return (mask * bits).sum(1) / mask.sum(1).clamp_min(1)
