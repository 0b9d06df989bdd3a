"""Exact Hamming search with numpy on the CPU and with torch on a GPU.

Both give every item one key, ``distance * size + id``. Keys are unique and their order is the canonical one, by
distance and then by id, so that selecting the k smallest is exact, ties included, however the selecting is done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Ball, Index, Neighbours, Retriever, RetrieverCapabilities
from robusthash.errors import OptionError
from robusthash.hashing import unpack, words

__all__ = ["TorchRetriever"]


@dataclass(frozen=True, kw_only=True)
class TorchRetriever(Retriever):
    """Exact search without a limit on k, ties by ascending id, the same on CPU and GPU."""

    device: Literal["auto", "cpu", "cuda"] = "auto"  #: auto takes the GPU where torch sees one
    chunk: int = 1 << 24  #: distances held at once on a GPU, about 24 bytes each; the CPU holds those of one query

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise OptionError(f"chunk is {self.chunk}", hint="hold at least one distance")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Exact, any k, any radius."""
        devices = frozenset({"cpu", "cuda"} if torch.cuda.is_available() else {"cpu"})
        return RetrieverCapabilities(exact=True, max_k=None, radius=True, devices=devices)

    def _index(self, packed: Tensor, bits: int) -> Index:
        if self.device == "cuda" and not torch.cuda.is_available():
            raise OptionError("device is cuda, but torch sees no GPU here", hint="set device to auto or cpu")
        if self.device == "cpu" or not torch.cuda.is_available():
            return WordIndex(packed, bits, self.capabilities)
        return MatrixIndex(packed, bits, self.capabilities, device=torch.device("cuda"), chunk=self.chunk)


class WordIndex(Index):
    """Popcounts of machine words, one query after the other: a database row stays in the processor's cache.

    Args:
        packed: (size, ceil(bits / 8)) uint8.
        bits: code length.
        capabilities: what the retriever promises.
    """

    def __init__(self, packed: Tensor, bits: int, capabilities: RetrieverCapabilities) -> None:
        self.bits = bits
        self.size = len(packed)
        self.capabilities = capabilities
        self._columns = np.ascontiguousarray(words(packed).T)
        self._key: type[np.uint32 | np.uint64] = np.uint32 if (bits + 1) * self.size < 2**32 else np.uint64

    def _search(self, packed: Tensor, k: int) -> Neighbours:
        distances = np.empty((len(packed), k), dtype=np.int64)
        ids = np.empty_like(distances)
        every, size = np.arange(self.size, dtype=self._key), self._key(self.size)
        for row, found in enumerate(self._distances(packed)):
            keys = np.multiply(found, size, dtype=self._key) + every
            distances[row], ids[row] = np.divmod(np.sort(np.partition(keys, k - 1)[:k]), size)
        return Neighbours(distances=torch.from_numpy(distances), ids=torch.from_numpy(ids))

    def _within(self, packed: Tensor, radius: int) -> Ball:
        counts, distances, ids = [0], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for found in self._distances(packed):
            inside = np.flatnonzero(found <= radius)
            order = inside[np.argsort(found[inside], kind="stable")]
            counts.append(len(order))
            distances.append(found[order].astype(np.int64))
            ids.append(order)
        return Ball(
            offsets=torch.tensor(counts).cumsum(0),
            distances=torch.from_numpy(np.concatenate(distances)),
            ids=torch.from_numpy(np.concatenate(ids)),
        )

    def _distances(self, packed: Tensor) -> Iterator[npt.NDArray[np.uint16]]:
        """Distances of each query to every item: (size,) uint16, in a buffer that the next query overwrites."""
        total = np.empty(self.size, np.uint16)
        differing = np.empty(self.size, np.uint64)
        for query in words(packed):
            total.fill(0)
            for column, word in zip(self._columns, query, strict=True):
                np.bitwise_xor(column, word, out=differing)
                total += np.bitwise_count(differing)
            yield total


class MatrixIndex(Index):
    """Matrix products of codes in {-1, +1}, many queries at once: ``distance = (bits - <q, b>) / 2``.

    The products are whole numbers far below 2**24, so that float32, TF32 included, holds them exactly.

    Args:
        packed: (size, ceil(bits / 8)) uint8.
        bits: code length.
        capabilities: what the retriever promises.
        device: where the products are taken.
        chunk: distances held at once.
    """

    def __init__(
        self, packed: Tensor, bits: int, capabilities: RetrieverCapabilities, *, device: torch.device, chunk: int
    ) -> None:
        self.bits = bits
        self.size = len(packed)
        self.capabilities = capabilities
        self._device = device
        self._queries = max(1, chunk // self.size)
        self._codes = self._signs(packed).T

    def _search(self, packed: Tensor, k: int) -> Neighbours:
        every = torch.arange(self.size, device=self._device)
        nearest = torch.cat(
            [torch.empty((0, k), dtype=torch.int64)]
            + [
                (found * self.size + every).topk(k, dim=1, largest=False, sorted=True).values.cpu()
                for found in self._distances(packed)
            ]
        )
        return Neighbours(distances=nearest // self.size, ids=nearest % self.size)

    def _within(self, packed: Tensor, radius: int) -> Ball:
        none = torch.empty(0, dtype=torch.int64)
        counts, distances, ids = [none.new_zeros(1)], [none], [none]
        for found in self._distances(packed):
            row, column = (found <= radius).nonzero(as_tuple=True)
            inside = found[row, column]
            order = (row * (self.bits + 1) + inside).sort(stable=True).indices
            counts.append(row.bincount(minlength=len(found)).cpu())
            distances.append(inside[order].cpu())
            ids.append(column[order].cpu())
        return Ball(offsets=torch.cat(counts).cumsum(0), distances=torch.cat(distances), ids=torch.cat(ids))

    def _distances(self, packed: Tensor) -> Iterator[Tensor]:
        """Distances of some queries to every item, (queries, size) int64, until all queries are done."""
        for start in range(0, len(packed), self._queries):
            signs = self._signs(packed[start : start + self._queries])
            yield ((self.bits - signs @ self._codes) / 2).to(torch.int64)

    def _signs(self, packed: Tensor) -> Tensor:
        return unpack(packed.to(self._device), self.bits).to(torch.float32)
