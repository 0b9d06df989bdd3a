"""The center-guided attack of CgAT (Wang et al., WWW 2023)."""

from dataclasses import dataclass

from robusthash.adversary import Aim, Start
from robusthash_attacks.gradient.tanh import Tanh


@dataclass(frozen=True, kw_only=True)
class Center(Tanh):
    """Moves away from the centre code of the query's own label, by the loss of :class:`Tanh`, from a random start."""

    aim: Aim = Aim.CENTRE  #: the code to reach
    start: Start | str = Start.RANDOM  #: zero, random, best, or an attack that learns
