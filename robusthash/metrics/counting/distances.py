"""Distances of continuous descriptors in whole numbers, so that nothing but the two descriptors decides them.

A product of float matrices is rounded in an order that depends on shapes, blocks and libraries. The same two
descriptors are then at one distance in this batch and at another in that, and copies of an item are not tied. So
descriptors are first rounded to a grid of 2**-25 of the longest one, which is finer than what float32 kernels leave of
them. Products and sums of whole numbers up to 2**25 in norm are whole numbers below 2**53, which float64 holds exactly
in whatever order they are taken, on a CPU as on a GPU. The squared Euclidean distance of grid points is therefore
exact; of descriptors of length 1 it is twice the cosine distance. It is rounded once, to float32.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Distance, Space
from robusthash.devices import has_double
from robusthash.errors import ContractError

_GRID = 25  #: bits of the longest descriptor: squared distances stay below 2**52
_BLOCK = 1 << 21  #: elements of the database that are float64 at once
_FLOAT32 = 2.0**-24  #: largest relative error of one operation in float32

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class DescriptorDistances:
    """A database of descriptors, ready to tell how far its items are from any query.

    Args:
        items: (n, size) float32.
        space: of cosine or L2 distance.
        device: where to compute, if it has float64; None is where the items are.

    Raises:
        ContractError: the space is Hamming, or the items are not its descriptors.
    """

    def __init__(self, items: Tensor, space: Space, device: torch.device | str | None = None) -> None:
        if space.binary:
            raise ContractError("codes have distance histograms", hint="use robusthash.metrics.distance_histograms")
        self.space = space
        self.size = len(items)
        asked = torch.device(device) if device is not None else items.device
        self.device = asked if has_double(asked) else torch.device("cpu")
        values, norms = self._prepared(items, "items")
        self._longest = float(norms.max(initial=0.0))
        self._exponent = int(_exponents(np.array([self._longest]))[0])
        grid = torch.from_numpy(_rounded(values, self._exponent).astype(np.int32))
        self._grid = grid.to(self.device)
        self._zero = torch.from_numpy(norms == 0).to(self.device)

    def table(self, queries: Tensor) -> Tensor:
        """Distances of queries to all items: (q, n) float32, on the device.

        Args:
            queries: (q, size) float32.
        """
        out = torch.empty((len(queries), self.size), dtype=torch.float32, device=self.device)
        step = max(1, _BLOCK // self.space.size)
        for placed in self._placed(queries):
            lengths = placed.points.square().sum(1, keepdim=True)
            for left in range(0, self.size, step):
                items = self._points(self._grid[left : left + step], placed)
                squares = lengths + items.square().sum(1) - 2 * (placed.points @ items.T)
                absent = placed.zero[:, None] | self._zero[left : left + step]
                out[placed.rows, left : left + step] = self._finished(squares, placed, absent)
        return out

    def of(self, queries: Tensor, ids: Tensor) -> Tensor:
        """Distances of queries to some items each: (q, k) float32, on the device; those of :meth:`table`, bit by bit.

        Args:
            queries: (q, size) float32.
            ids: (q, k) int64, positions of items.
        """
        places = ids.to(self.device)
        out = torch.empty(ids.shape, dtype=torch.float32, device=self.device)
        step = max(1, _BLOCK // max(1, self.space.size * ids.shape[1]))
        for start in range(0, len(queries), step):
            chunk = slice(start, start + step)
            for placed in self._placed(queries[chunk]):
                chosen = places[chunk][placed.rows]
                items = self._points(self._grid[chosen], placed)
                squares = (items - placed.points[:, None, :]).square().sum(2)
                absent = placed.zero[:, None] | self._zero[chosen]
                out[chunk][placed.rows] = self._finished(squares, placed, absent)
        return out

    def slack(self, queries: Tensor) -> Tensor:
        """How far a squared distance computed in float32 may be from the exact one: (q, 1) float64, on the CPU.

        With M the longest of the query and all items, the bound is ``(8 d + 40) 2**-24 M^2``. It holds for sums of
        products, in any order, and for ``|q|^2 + |b|^2 - 2 <q, b>``: at most d + 4 roundings of ``2**-24 (2 M)^2``, the
        grid's ``4 sqrt(d) 2**-24 M^2``, and the rounding of the distance itself.

        Args:
            queries: (q, size) float32.
        """
        _, norms = self._prepared(queries, "queries")
        return torch.from_numpy((8 * self.space.size + 40) * _FLOAT32 * np.maximum(norms, self._longest)[:, None] ** 2)

    def squared(self, distances: Tensor) -> Tensor:
        """Squared Euclidean distances that stand behind distances of this space, in float64.

        Args:
            distances: any shape.
        """
        values = distances.to(torch.float64)
        return values.square() if self.space.distance is Distance.L2 else 2 * values

    def _prepared(self, descriptors: Tensor, what: str) -> tuple[Doubles, Doubles]:
        """Descriptors in float64, of length 1 for cosine; and how long they are then, (n,)."""
        problem = self.space.problem(descriptors)
        if problem:
            raise ContractError(f"the {what} are {problem}", hint=f"give {self.space.form}")
        values = np.ascontiguousarray(descriptors.detach().cpu().numpy(), dtype=np.float64)
        norms = np.sqrt(np.square(values).sum(1))
        if self.space.distance is Distance.L2:
            return values, norms
        return values / np.where(norms > 0, norms, 1)[:, None], (norms > 0).astype(np.float64)

    def _placed(self, queries: Tensor) -> Iterator["_Placed"]:
        """Queries on the grid: all at once, but for those that are longer than any item, which take a coarser one."""
        values, norms = self._prepared(queries, "queries")
        exponents = np.maximum(self._exponent, _exponents(norms))
        for exponent in np.unique(exponents):
            chosen = exponents == exponent
            every = bool(chosen.all())
            yield _Placed(
                rows=slice(None) if every else torch.from_numpy(np.flatnonzero(chosen)).to(self.device),
                points=torch.from_numpy(_rounded(values[chosen], exponent)).to(self.device),
                zero=torch.from_numpy(norms[chosen] == 0).to(self.device),
                exponent=int(exponent),
            )

    def _points(self, grid: Tensor, placed: "_Placed") -> Tensor:
        """Items on the grid of some queries, in float64."""
        coarser = placed.exponent - self._exponent
        points = grid.to(torch.float64)
        return points if coarser == 0 else (points * 0.5**coarser).round()

    def _finished(self, squares: Tensor, placed: "_Placed", absent: Tensor) -> Tensor:
        """Distances of the space, from exact squared distances in steps of the grid."""
        step = 2.0 ** (placed.exponent - _GRID)
        if self.space.distance is Distance.L2:
            return (squares.sqrt() * step).to(torch.float32)
        return (squares * (step**2 / 2)).to(torch.float32).masked_fill(absent, 1.0)


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """Some queries on one grid.

    Attributes:
        rows: which of the queries.
        points: (m, size) float64, whole numbers.
        zero: (m,) bool, which of them are zero.
        exponent: the grid's step is ``2 ** (exponent - 25)``.
    """

    rows: slice | Tensor
    points: Tensor
    zero: Tensor
    exponent: int


def _exponents(norms: Doubles) -> Integers:
    """The least e with ``norm <= 2**e``; of a zero, one below that of any float32."""
    mantissas, exponents = np.frexp(norms)
    return np.where(norms > 0, exponents - (mantissas == 0.5), -200).astype(np.int64)


def _rounded(values: Doubles, exponent: int) -> Doubles:
    """Descriptors on a grid, in steps of it."""
    return np.rint(np.ldexp(values, _GRID - int(exponent)))
