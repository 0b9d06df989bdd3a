"""Per-query values of a ranking metric, with the band that the order of ties leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Values of one metric, one a query.

    Attributes:
        expected: (queries,) float64, expectation over all orders of ties.
        worst: (queries,) float64, lowest over the orders of ties.
        best: (queries,) float64, highest.
        counted: (queries,) float64 in [0, 1], weight of each query in the mean: 1 unless the protocol leaves queries
            out; then the probability, over the orders of ties, that the query is kept.
        conventional: (queries,) bool, whose value is a convention and not a measurement: no relevant item at all, an
            empty ball, no hit in any order.
    """

    expected: npt.NDArray[np.float64]
    worst: npt.NDArray[np.float64]
    best: npt.NDArray[np.float64]
    counted: npt.NDArray[np.float64]
    conventional: npt.NDArray[np.bool_]

    @staticmethod
    def cat(parts: "Sequence[Scores]") -> "Scores":
        """The values of several groups of queries, one after the other.

        Args:
            parts: at least one.
        """
        return Scores(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Scores)}
        )

    def mean(self, ties: Literal["expected", "worst", "best"] = "expected") -> float:
        """Mean over the queries, by their weights; 0 if no query counts.

        Args:
            ties: which order of ties.
        """
        values = {"expected": self.expected, "worst": self.worst, "best": self.best}[ties]
        weight = float(self.counted.sum())
        return float(values @ self.counted) / weight if weight else 0.0

    @property
    def n_conventional(self) -> int:
        """Number of queries whose value is a convention; report it beside the mean."""
        return int(self.conventional.sum())
