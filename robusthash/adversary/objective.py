"""What a descent minimises, and how near it has come to what it is to reach, for each query."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from robusthash.adversary.nearness import distance_to
from robusthash.contracts import Space


class Objective(ABC):
    """A loss and a distance for some queries, with what both know of each query."""

    @abstractmethod
    def loss(self, outputs: Tensor, progress: float) -> Tensor:
        """The loss of each query, to be minimised.

        Args:
            outputs: (n, size) float, of the perturbed queries, in the objective's order.
            progress: share of the steps already taken, in [0, 1).

        Returns:
            (n,) float, with a gradient if the outputs have one.
        """

    @abstractmethod
    def distance(self, outputs: Tensor) -> Tensor:
        """How far each query is from what it is to reach; iterates are compared by it, and at 0 a query is finished.

        Args:
            outputs: as for :meth:`loss`.

        Returns:
            (n,), without gradient.
        """

    @abstractmethod
    def rows(self, rows: Tensor) -> Self:
        """The objective of some of the queries.

        Args:
            rows: (m,) int64 positions, or (n,) bool.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class Towards(Objective):
    """Moves each query's output towards a code or descriptor.

    Attributes:
        aim: (n, size) float, to be reached: the signs of a code, or a descriptor. Or (n, parts, size), of which the
            first part is to be reached, and the others are for the loss.
        of: (outputs, aim, progress) -> (n,), the loss.
        space: where outputs and aims are compared.
    """

    aim: Tensor
    of: Callable[[Tensor, Tensor, float], Tensor]
    space: Space

    def loss(self, outputs: Tensor, progress: float) -> Tensor:  # noqa: D102 - as in the base class
        return self.of(outputs, self.aim, progress)

    def distance(self, outputs: Tensor) -> Tensor:  # noqa: D102 - as in the base class
        return distance_to(self.aim if self.aim.ndim == 2 else self.aim[:, 0], outputs, self.space)

    def rows(self, rows: Tensor) -> Self:  # noqa: D102 - as in the base class
        return replace(self, aim=self.aim[rows])
