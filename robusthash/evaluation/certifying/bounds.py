"""Lower bounds of a system's queries, and whether what became of them keeps to these."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from robusthash.evaluation.victims.system import System
from robusthash.hashing import unpack
from robusthash.metrics.certified import CertifiedCodes, certified_average_precision

Floats = npt.NDArray[np.float64]
Packed = npt.NDArray[np.uint8]  #: codes, (queries, ceil(bits / 8))


class Bounds:
    """Lower bounds of the average precision of a system's queries.

    Args:
        found: what is certain of the queries' codes.
        system: with the database that they search.
    """

    def __init__(self, found: CertifiedCodes, system: System) -> None:
        self._found = found
        self._system = system

    def at(self, radius: float | Floats) -> Floats:
        """(queries,), the bounds at a radius, or at one for each query."""
        return self._lowest(self._found, radius)

    @property
    def clean(self) -> Floats:
        """(queries,), the average precision of the codes that the votes chose."""
        return self._lowest(self._found, -np.inf)  # no bit is open

    @property
    def floor(self) -> Floats:
        """(queries,), the bounds where every bit is open; 0 for a query to which no item is relevant."""
        return self._lowest(self._found, np.inf)

    def scored(self, codes: Packed) -> Floats:
        """(queries,), the average precision of other codes of the queries."""
        return self._lowest(replace(self._found, codes=self._unpacked(codes)), -np.inf)

    def wrong(self, codes: Packed, radius: float | Floats) -> npt.NDArray[np.bool_]:
        """Queries of which a bit that is certain at a radius is wrong.

        Args:
            codes: of the queries, or of what they were moved to.
            radius: one for all queries, or (queries,).

        Returns:
            (queries,) bool.
        """
        wrong = self._unpacked(codes) != self._found.codes
        return np.asarray((wrong & ~self._found.open_at(radius)).any(1))

    def _lowest(self, found: CertifiedCodes, radius: float | Floats) -> Floats:
        resources, database = self._system.resources, self._system.database
        return certified_average_precision(
            found,
            radius,
            database.representation,
            resources.queries.labels,
            database.labels,
            relevance=resources.setting.relevance,
        )

    def _unpacked(self, codes: Packed) -> npt.NDArray[np.int8]:
        return unpack(torch.from_numpy(codes), self._found.codes.shape[1]).numpy()
