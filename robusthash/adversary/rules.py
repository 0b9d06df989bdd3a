"""Step rules with a fixed step size: how a gradient becomes a step. They work on each sample independently."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from robusthash.contracts.attacking.balls.l2 import unit_length

Project = Callable[[Tensor], Tensor]
"""Projects points onto the ball and the box, sample by sample."""


class StepRule(ABC):
    """Moves every sample down its loss. Any state has one row per sample.

    Args:
        size: step size, in the inputs' units.
        steps: number of steps.
    """

    share: ClassVar[float] = 1 / 8  #: default step size, as a share of the radius
    each: ClassVar[bool] = False  #: whether a step of size 1 changes every element by about 1, whatever the norm

    def __init__(self, *, size: float, steps: int) -> None:
        self.size, self.steps = size, steps

    @abstractmethod
    def move(self, point: Tensor, gradient: Tensor, losses: Tensor, project: Project) -> Tensor:
        """The next points.

        Args:
            point: (n, ...) float, current points: what the last call returned, or the start.
            gradient: the same shape, gradient of each sample's loss.
            losses: (n,) float, losses at the points.
            project: projection onto the ball and the box.

        Returns:
            (n, ...) float, inside the ball and the box.
        """

    def keep(self, rows: Tensor) -> None:  # noqa: B027 - optional: a rule without state has nothing to drop
        """Keeps the state of some samples, by (m,) int64 positions, and drops the rest."""


class FixedStep(StepRule):
    """Steps of a fixed size along a direction."""

    def move(self, point: Tensor, gradient: Tensor, losses: Tensor, project: Project) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return project(point - self.size * self.direction(gradient))

    @abstractmethod
    def direction(self, gradient: Tensor) -> Tensor:
        """What a step of size 1 subtracts; the same shape as the gradient."""


class Sign(FixedStep):
    """The sign of the gradient, as in PGD."""

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return gradient.sign()


class L2Unit(FixedStep):
    """The gradient divided by its L2 norm, per sample."""

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return unit_length(gradient)


class Raw(FixedStep):
    """The gradient itself."""

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return gradient


class Momentum(FixedStep):
    """The sum of all gradients, whose weights decay by 0.9 per step; for HAG."""

    decay = 0.9

    def __init__(self, *, size: float, steps: int) -> None:
        super().__init__(size=size, steps=steps)
        self._velocity: Tensor | None = None

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        self._velocity = gradient if self._velocity is None else self.decay * self._velocity + gradient
        return self._velocity

    def keep(self, rows: Tensor) -> None:  # noqa: D102 - as in the base class
        if self._velocity is not None:
            self._velocity = self._velocity[rows]


class Adam(FixedStep):
    """Adam's direction (Kingma and Ba, ICLR 2015, algorithm 1)."""

    each = True
    decay = (0.9, 0.999)
    tiny = 1e-8

    def __init__(self, *, size: float, steps: int) -> None:
        super().__init__(size=size, steps=steps)
        self._first: Tensor | None = None
        self._second: Tensor | None = None
        self._count = 0

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        one, two = self.decay
        self._count += 1
        first = (1 - one) * gradient if self._first is None else one * self._first + (1 - one) * gradient
        second = (1 - two) * gradient**2 if self._second is None else two * self._second + (1 - two) * gradient**2
        self._first, self._second = first, second
        unbiased = first / (1 - one**self._count)
        return unbiased / ((second / (1 - two**self._count)).sqrt() + self.tiny)

    def keep(self, rows: Tensor) -> None:  # noqa: D102 - as in the base class
        if self._first is not None and self._second is not None:
            self._first, self._second = self._first[rows], self._second[rows]
