"""Distance histograms: how many items, and how many relevant ones, lie at each Hamming distance from a query.

They are the ranked counts of codes. Nothing is sorted and no neighbour is selected, so that nothing depends on the
order of ties, and the CPU and the GPU give the same numbers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.errors import ContractError, OptionError
from robusthash.metrics.counting.blocks import count_blocks
from robusthash.metrics.counting.counter import counter_for
from robusthash.metrics.counting.counts import Counts, MeasuredCounts
from robusthash.metrics.counting.labels import Labels, Octets, pack_labels
from robusthash.metrics.counting.products import Codes, count_products
from robusthash.metrics.counting.words import Asked
from robusthash.specs import Relevance

_CUDA_CHUNK = 1 << 30
_ROWS = 1 << 20  #: items whose padding is looked at at once


@dataclass(frozen=True, kw_only=True, eq=False)
class DistanceHistograms(MeasuredCounts):
    """Counts by Hamming distance, one row a query.

    Attributes:
        items: (queries, bits + 1) int64, database items at each distance.
        relevant: (queries, bits + 1) int64, the relevant ones among them.
        bits: code length.
    """

    bits: int

    def __post_init__(self) -> None:
        shape = (len(self.items), self.bits + 1)
        if self.items.shape != shape or self.relevant.shape != shape:
            raise ContractError(
                f"histograms have shapes {self.items.shape} and {self.relevant.shape}",
                hint=f"codes of {self.bits} bits have {self.bits + 1} distances",
            )

    def nearest_distances(self, k: int) -> Counts:
        """The k smallest distances of each query, ascending.

        Args:
            k: at most the number of items.

        Returns:
            (queries, k) int64.

        >>> counts = np.array([[1, 0, 2]])
        >>> DistanceHistograms(items=counts, relevant=counts, bits=2).nearest_distances(2).tolist()
        [[0, 2]]
        """
        within, places = np.cumsum(self.items, axis=1), np.arange(1, k + 1)
        rows = [np.searchsorted(row, places) for row in within]
        return np.stack(rows).astype(np.int64) if rows else np.empty((0, k), np.int64)

    @classmethod
    def of(cls, counts: Counts, bits: int) -> "DistanceHistograms":
        """Histograms from counts of irrelevant items by distance, and then of relevant ones.

        Args:
            counts: (queries, 2 * (bits + 1)) int64.
            bits: code length.
        """
        others, found = counts[:, : bits + 1], counts[:, bits + 1 :]
        return cls(items=others + found, relevant=found.copy(), bits=bits)

    def __add__(self, other: "DistanceHistograms") -> "DistanceHistograms":
        """The histograms of two parts of a database together, wherever each was counted.

        Args:
            other: of the same queries and bits.

        Raises:
            ContractError: they are of others.

        >>> part = DistanceHistograms(items=np.array([[1, 0, 2]]), relevant=np.array([[1, 0, 0]]), bits=2)
        >>> (part + part).items.tolist()
        [[2, 0, 4]]
        """
        if self.items.shape != other.items.shape:
            raise ContractError(
                f"histograms of shapes {self.items.shape} and {other.items.shape} do not add up",
                hint="count the same queries in each part of the database",
            )
        items, relevant = self.items + other.items, self.relevant + other.relevant
        return DistanceHistograms(items=items, relevant=relevant, bits=self.bits)

    def comparable(self, distances: npt.NDArray[np.generic]) -> Counts:
        """The same: bits that differ are whole numbers."""
        return distances.astype(np.int64)

    @property
    def slack(self) -> Counts:
        """None: (queries, 1) zeros."""
        return np.zeros((len(self.items), 1), np.int64)


def distance_histograms(
    query_packed: Codes,
    database_packed: Codes,
    query_labels: Labels,
    database_labels: Labels,
    *,
    bits: int,
    relevance: Relevance = Relevance.SHARE_ANY,
    chunk_bytes: int | None = None,
    device: torch.device | str | None = None,
) -> DistanceHistograms:
    """Counts items and relevant items by their distance to each query.

    Args:
        query_packed: (q, ceil(bits / 8)) uint8, from :func:`~robusthash.hashing.pack`, or as a numpy array.
        database_packed: (n, ceil(bits / 8)) uint8; a memory map is read block by block.
        query_labels: (q, classes) multi-hot, or packed: what counts as relevant to each query.
        database_labels: (n, classes) multi-hot, or packed.
        bits: code length.
        relevance: when an item is relevant.
        chunk_bytes: working memory to be held at once, beside inputs and results; None is 2 MiB a thread on the CPU
            (what stays in a core's cache) and 1 GiB on a GPU.
        device: where to count; None is where the database's codes are. The CPU counts in as many threads as torch.

    Raises:
        ContractError: codes or labels have a wrong shape or type, or set bits in the padding.
        OptionError: ``chunk_bytes`` is not positive.
    """
    _check(query_packed, query_labels, bits, "query")
    _check(database_packed, database_labels, bits, "database")
    if query_labels.shape[1] != database_labels.shape[1]:
        raise ContractError(
            f"query labels have {query_labels.shape[1]} classes, database labels {database_labels.shape[1]}",
            hint="both splits need the same classes in the same order",
        )
    if chunk_bytes is not None and chunk_bytes < 1:
        raise OptionError(f"chunk_bytes is {chunk_bytes}", hint="give a positive number of bytes")
    labels = pack_labels(query_labels), pack_labels(database_labels)
    there = database_packed.device if isinstance(database_packed, Tensor) else torch.device("cpu")
    place = torch.device(device) if device is not None else there
    if place.type == "cpu":
        asked = Asked.of(_octets(query_packed), labels[0].octets, bits, relevance)
        counter = counter_for(asked, len(database_packed))
        items = _octets(database_packed), labels[1].octets
        counts = count_blocks(counter, asked, *items, chunk_bytes=chunk_bytes)
    else:
        counts = count_products(
            query_packed, database_packed, *labels, bits, relevance, chunk_bytes or _CUDA_CHUNK, place
        )
    return DistanceHistograms.of(counts, bits)


def _octets(packed: Codes) -> Octets:
    return packed.cpu().numpy() if isinstance(packed, Tensor) else packed


def _check(packed: Codes, labels: Labels, bits: int, split: str) -> None:
    width = -(-bits // 8)
    if packed.dtype not in (torch.uint8, np.uint8) or packed.ndim != 2 or packed.shape[1] != width:
        raise ContractError(
            f"{split} codes have shape {tuple(packed.shape)} and type {packed.dtype}",
            hint=f"pack {bits} bits into (n, {width}) uint8 with robusthash.hashing.pack",
        )
    padding = (1 << -bits % 8) - 1
    if padding and any(
        bool((packed[start : start + _ROWS, -1] & padding).any()) for start in range(0, len(packed), _ROWS)
    ):
        raise ContractError(
            f"{split} codes of {bits} bits have set bits in their padding",
            hint="pack them with robusthash.hashing.pack",
        )
    if len(labels.shape) != 2 or len(labels) != len(packed):
        raise ContractError(
            f"{split} labels have shape {tuple(labels.shape)} for {len(packed)} codes",
            hint="give multi-hot labels, (n, classes)",
        )
