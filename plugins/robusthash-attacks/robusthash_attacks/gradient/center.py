"""The center-guided attack of CgAT (Wang et al., WWW 2023)."""

from dataclasses import dataclass

from torch import Tensor

from robusthash.adversary import Aim, GradientAttack, Scale, Slope, Start, check_scale, relaxed


@dataclass(frozen=True, kw_only=True)
class Center(GradientAttack):
    """Moves away from the centre code of the query's own label: minimises ``-mean(tanh(a f(x)) h)`` per sample."""

    aim: Aim = Aim.CENTRE  #: the code to reach
    start: Start | str = Start.RANDOM  #: zero, random, or an attack that learns
    scale: Scale = Slope.RELATIVE  #: slope a of tanh(a f): a number, relative to fit the logits, none to anneal it

    def __post_init__(self) -> None:
        super().__post_init__()
        check_scale(self.scale)

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        return -(relaxed(logits, self.scale, progress) * aim).mean(1)
