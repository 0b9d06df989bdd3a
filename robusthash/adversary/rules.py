"""Step rules of one size: how a gradient becomes a step. All work per sample, so a batch changes nothing."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

Project = Callable[[Tensor], Tensor]
"""From any points to the nearest ones that are allowed, sample by sample."""


class StepRule(ABC):
    """Moves every sample down its loss; keeps whatever state it needs, one row a sample.

    Args:
        size: of a step, in pixel space.
        steps: how many there will be.
    """

    share: ClassVar[float] = 1 / 8  #: the usual size, as a share of epsilon

    def __init__(self, *, size: float, steps: int) -> None:
        self.size, self.steps = size, steps

    @abstractmethod
    def move(self, point: Tensor, gradient: Tensor, losses: Tensor, project: Project) -> Tensor:
        """The next points.

        Args:
            point: (n, 3, h, w) float, where the samples are: what it returned last, or where they start.
            gradient: the same shape, of each sample's loss.
            losses: (n,) float, at the points.
            project: onto what is allowed.
        """

    def keep(self, rows: Tensor) -> None:  # noqa: B027 - a rule without state has nothing to drop
        """Drops the state of all samples but these: (m,) int64 positions."""


class FixedStep(StepRule):
    """Steps of one size along a direction."""

    def move(self, point: Tensor, gradient: Tensor, losses: Tensor, project: Project) -> Tensor:  # noqa: ARG002, D102 - as in the base class
        return project(point - self.size * self.direction(gradient))

    @abstractmethod
    def direction(self, gradient: Tensor) -> Tensor:
        """What to subtract, for size 1; of the gradient's shape."""


class Sign(FixedStep):
    """The sign of the gradient."""

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return gradient.sign()


class L2Unit(FixedStep):
    """The gradient over its norm, one norm an image."""

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        norm: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
        norm = norm.clamp_min(torch.finfo(gradient.dtype).tiny)
        return gradient / norm.view(-1, *[1] * (gradient.ndim - 1))


class Raw(FixedStep):
    """The gradient."""

    def direction(self, gradient: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return gradient


class Momentum(FixedStep):
    """The sum of all gradients, each older one nine tenths of the next."""

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
    """Kingma and Ba, ICLR 2015, algorithm 1."""

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
