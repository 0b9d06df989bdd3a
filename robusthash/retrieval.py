"""Exact search with numpy on the CPU and with torch on a GPU.

Each item gets one key, made of its distance and then its id. Keys are unique, and their order is the required one, so
that the k smallest are exact, ties included, with any selection algorithm.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Ball, Distance, Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError
from robusthash.hashing import unpack, words
from robusthash.metrics.counting.distances import DescriptorDistances

_CPU_BLOCK = 1 << 16  #: codes whose distances are in memory at once on the CPU
_NEIGHBOURS = 4  #: least size of a block, in neighbours: what is kept of a block is sorted in again
_CPU_CHUNK = 1 << 21  #: distances of descriptors in memory at once on the CPU, about 12 bytes each

__all__ = ["DescriptorIndex", "TorchRetriever"]


@dataclass(frozen=True, kw_only=True)
class TorchRetriever(Retriever):
    """Exact search in any space, with any k and ties by ascending id; CPU and GPU return the same result.

    Raises:
        OptionError: ``chunk`` is less than 1.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"  #: auto uses a GPU if torch sees one
    chunk: int = 1 << 24  #: distances in memory at once on a GPU, about 24 bytes each; the CPU needs less

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise OptionError(f"chunk is {self.chunk}", hint="it must be at least 1")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Exact, any k, any radius, any distance."""
        return RetrieverCapabilities(exact=True, max_k=None, radius=True, distances=frozenset(Distance))

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        if self.device == "cuda" and not torch.cuda.is_available():
            raise OptionError("device is cuda, but torch sees no GPU here", hint="set device to auto or cpu")
        on_gpu = self.device != "cpu" and torch.cuda.is_available()
        device = torch.device("cuda" if on_gpu else "cpu")
        chunk = self.chunk if on_gpu else min(self.chunk, _CPU_CHUNK)
        if not space.binary:
            return DescriptorIndex(items, space, key, self.capabilities, device=device, chunk=chunk)
        if not on_gpu:
            return WordIndex(items, space, key, self.capabilities)
        return MatrixIndex(items, space, key, self.capabilities, device=device, chunk=chunk)


class WordIndex(Index):
    """Popcounts of machine words, one query and block of items at a time, so that buffers stay in the core's cache.

    It holds a copy of the packed items, and nothing beside it that grows with their number.

    Args:
        items: (size, ceil(bits / 8)) uint8 packed codes.
        space: Hamming space.
        key: SHA-256 of items and space.
        capabilities: what the retriever guarantees.
    """

    def __init__(self, items: Tensor, space: Space, key: str, capabilities: RetrieverCapabilities) -> None:
        super().__init__(items, space, key, capabilities)
        self._items = items.detach().to("cpu", copy=True)
        self._keys: type[np.uint32 | np.uint64] = np.uint32 if (space.size + 1) * self.size < 2**32 else np.uint64

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        size, block = self._keys(self.size), max(_CPU_BLOCK, _NEIGHBOURS * k)
        every = np.arange(min(block, self.size), dtype=self._keys)
        best = np.empty((len(queries), k), self._keys)
        for row, start, found in self._distances(queries, block):
            if not start:
                keys = np.multiply(found, size, dtype=self._keys) + every
                best[row] = np.partition(keys, k - 1)[:k]
                continue
            # Of items at the distance of the last neighbour, those that were seen before have the smaller positions.
            nearer = np.flatnonzero(found < best[row].max() // size)
            if len(nearer):
                keys = np.multiply(found[nearer], size, dtype=self._keys) + nearer.astype(self._keys)
                best[row] = np.partition(np.concatenate([best[row], keys + self._keys(start)]), k - 1)[:k]
        distances, ids = (part.astype(np.int64) for part in np.divmod(np.sort(best, axis=1), size))
        return Neighbours(distances=torch.from_numpy(distances), ids=torch.from_numpy(ids))

    def _within(self, queries: Tensor, radius: float) -> Ball:
        near: list[list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]] = [[] for _ in queries]
        for row, start, found in self._distances(queries, _CPU_BLOCK):
            inside = np.flatnonzero(found <= radius)
            near[row].append((found[inside].astype(np.int64), inside + start))
        counts, distances, ids = [0], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for parts in near:
            one, places = (np.concatenate(part) for part in zip(*parts, strict=True))
            order = np.argsort(one, kind="stable")
            counts.append(len(order))
            distances.append(one[order])
            ids.append(places[order])
        return Ball(
            offsets=torch.tensor(counts).cumsum(0),
            distances=torch.from_numpy(np.concatenate(distances)),
            ids=torch.from_numpy(np.concatenate(ids)),
        )

    def _distances(self, queries: Tensor, block: int) -> Iterator[tuple[int, int, npt.NDArray[np.uint16]]]:
        """Distances of each query to each block of items, the blocks in their order.

        Yields:
            The query's row, the position of the block's first item, and its distances in a buffer that is overwritten.
        """
        codes = words(queries)
        for start in range(0, self.size, block):
            columns = np.ascontiguousarray(words(self._items[start : start + block]).T)
            total = np.empty(columns.shape[1], np.uint16)
            differing, ones = np.empty(columns.shape[1], np.uint64), np.empty(columns.shape[1], np.uint8)
            for row, query in enumerate(codes):
                total.fill(0)
                for column, word in zip(columns, query, strict=True):
                    np.bitwise_count(np.bitwise_xor(column, word, out=differing), out=ones)
                    np.add(total, ones, out=total)
                yield row, start, total


class TableIndex(Index):
    """Tables of distances for many queries at once, as ranks: whole numbers in the order of the distances.

    Args:
        items: the database, in representations of the space.
        space: where the items are compared.
        key: SHA-256 of items and space.
        capabilities: what the retriever guarantees.
        device: where tables are computed.
        chunk: number of distances in memory at once.
    """

    def __init__(
        self,
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
        *,
        device: torch.device,
        chunk: int,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._device = device
        self._rows = max(1, chunk // self.size)
        self._hold(items)

    @abstractmethod
    def _hold(self, items: Tensor) -> None:
        """Puts the database on the device."""

    @abstractmethod
    def _ranks(self, queries: Tensor) -> Tensor:
        """Ranks of the distances of (n, ...) queries to all items: (n, size) int64, below 2**31."""

    def _distances(self, ranks: Tensor) -> Tensor:
        """The distances that some ranks stand for, in the same shape."""
        return ranks

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        every = torch.arange(self.size, device=self._device)
        nearest = torch.cat(
            [torch.empty((0, k), dtype=torch.int64)]
            + [
                (ranks * self.size + every).topk(k, dim=1, largest=False, sorted=True).values.cpu()
                for ranks in self._tables(queries)
            ]
        )
        return Neighbours(distances=self._distances(nearest // self.size), ids=nearest % self.size)

    def _within(self, queries: Tensor, radius: float) -> Ball:
        none = torch.empty(0, dtype=torch.int64)
        counts, found, ids = [none.new_zeros(1)], [none], [none]
        for ranks in self._tables(queries):
            row, column = (self._distances(ranks) <= radius).nonzero(as_tuple=True)
            inside = ranks[row, column]
            order = ((row << 31) + inside).sort(stable=True).indices
            counts.append(row.bincount(minlength=len(ranks)).cpu())
            found.append(inside[order].cpu())
            ids.append(column[order].cpu())
        return Ball(
            offsets=torch.cat(counts).cumsum(0), distances=self._distances(torch.cat(found)), ids=torch.cat(ids)
        )

    def _tables(self, queries: Tensor) -> Iterator[Tensor]:
        for start in range(0, len(queries), self._rows):
            yield self._ranks(queries[start : start + self._rows])


class MatrixIndex(TableIndex):
    """Matrix products of codes in {-1, +1}: ``distance = (bits - <q, b>) / 2``.

    The products are whole numbers far below 2**24, so they are exact in float32 and TF32.
    """

    def _hold(self, items: Tensor) -> None:
        self._codes = self._signs(items).T

    def _ranks(self, queries: Tensor) -> Tensor:
        return ((self.space.size - self._signs(queries) @ self._codes) / 2).to(torch.int64)

    def _signs(self, packed: Tensor) -> Tensor:
        return unpack(packed.to(self._device), self.space.size).to(torch.float32)


class DescriptorIndex(TableIndex):
    """Exact distances of descriptors. The rank of a non-negative float is its bit pattern, read as an integer."""

    def _hold(self, items: Tensor) -> None:
        self.descriptors = DescriptorDistances(items, self.space, self._device)

    def _ranks(self, queries: Tensor) -> Tensor:
        return self.descriptors.table(queries).view(torch.int32).to(torch.int64)

    def _distances(self, ranks: Tensor) -> Tensor:
        return ranks.to(torch.int32).view(torch.float32)
