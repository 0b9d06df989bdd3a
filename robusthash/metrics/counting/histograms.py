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
from robusthash.hashing import unpack, words
from robusthash.metrics.counting.counts import Counts, MeasuredCounts
from robusthash.metrics.counting.relevance import Labels, pack_labels, relevant
from robusthash.specs import Relevance

Words = npt.NDArray[np.uint64]

_CPU_CHUNK = 1 << 20  #: stays in a core's cache; a quarter of it costs 15 % in calls, more gains nothing, measured
_CUDA_CHUNK = 1 << 30
_CPU_BYTES = 16  #: working memory of one item: its words, XOR, popcount, key, relevance
_CUDA_BYTES = 40  #: of one pair: product, distance, labels, key
_CUDA_ITEMS = 1 << 18  #: items of one block, so that any database fits


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

    def comparable(self, distances: npt.NDArray[np.generic]) -> Counts:
        """The same: bits that differ are whole numbers."""
        return distances.astype(np.int64)

    @property
    def slack(self) -> Counts:
        """None: (queries, 1) zeros."""
        return np.zeros((len(self.items), 1), np.int64)


def distance_histograms(
    query_packed: Tensor,
    database_packed: Tensor,
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
        query_packed: (q, ceil(bits / 8)) uint8, from :func:`~robusthash.hashing.pack`.
        database_packed: (n, ceil(bits / 8)) uint8.
        query_labels: (q, classes) multi-hot: what counts as relevant to each query.
        database_labels: (n, classes) multi-hot.
        bits: code length.
        relevance: when an item is relevant.
        chunk_bytes: working memory to be held at once, beside inputs and results; None is 1 MiB on the CPU (what
            stays in its cache) and 1 GiB on a GPU.
        device: where to count; None is where the database's codes are.

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
    place = torch.device(device) if device is not None else database_packed.device
    labels = pack_labels(query_labels), pack_labels(database_labels)
    if place.type == "cpu":
        counts = count_words(
            words(query_packed), words(database_packed), *labels, bits, relevance, chunk_bytes or _CPU_CHUNK
        )
    else:
        counts = count_products(
            query_packed, database_packed, *labels, bits, relevance, chunk_bytes or _CUDA_CHUNK, place
        )
    others, found = counts[:, : bits + 1], counts[:, bits + 1 :]
    return DistanceHistograms(items=others + found, relevant=found.copy(), bits=bits)


def count_words(
    queries: Words,
    items: Words,
    query_labels: Words,
    item_labels: Words,
    bits: int,
    relevance: Relevance,
    chunk_bytes: int,
) -> Counts:
    """XOR, popcount and one bincount for each query and block of items.

    An item's key is its distance, plus ``bits + 1`` if it is relevant, so that one bincount gives both histograms;
    relevance is found once for all queries with the same labels. Keys are single bytes as long as they fit, and torch
    counts them as they are: numpy's bincount widens them to eight bytes first, and takes three times as long.

    Returns:
        (q, 2 * (bits + 1)) int64, irrelevant items by distance, then relevant ones.
    """
    bins = bits + 1
    key_type: type[np.uint8 | np.int32] = np.uint8 if 2 * bins <= 256 else np.int32
    counts = np.zeros((len(queries), 2 * bins), np.int64)
    unique, inverse, sizes = np.unique(query_labels, axis=0, return_inverse=True, return_counts=True)
    groups = np.split(np.argsort(inverse.reshape(-1), kind="stable"), np.cumsum(sizes)[:-1])[: len(unique)]
    block = max(1, min(chunk_bytes // _CPU_BYTES, len(items)))
    for start in range(0, len(items), block):
        columns = np.ascontiguousarray(items[start : start + block].T)
        differing = np.empty(columns.shape[1], np.uint64)
        ones = np.empty(columns.shape[1], np.uint8)
        keys = np.empty(columns.shape[1], key_type)
        countable = torch.from_numpy(keys)
        for label, rows in zip(unique, groups, strict=True):
            found = relevant(label[None], item_labels[start : start + block], relevance)[0]
            offsets = found.astype(key_type) * key_type(bins)
            for row in rows:
                keys[:] = offsets
                for column, word in zip(columns, queries[row], strict=True):
                    np.bitwise_count(np.bitwise_xor(column, word, out=differing), out=ones)
                    np.add(keys, ones, out=keys)
                counts[row] += torch.bincount(countable, minlength=2 * bins).numpy()
    return counts


def count_products(
    queries: Tensor,
    items: Tensor,
    query_labels: Words,
    item_labels: Words,
    bits: int,
    relevance: Relevance,
    chunk_bytes: int,
    device: torch.device,
) -> Counts:
    """The same counts from matrix products of codes in {-1, +1}: ``distance = (bits - <q, b>) / 2``.

    The products are whole numbers far below 2**24, which float32 holds exactly, TF32 included.

    Returns:
        As :func:`count_words`.
    """
    bins = bits + 1
    counts = torch.zeros((len(queries), 2 * bins), dtype=torch.int64, device=device)
    columns = min(_CUDA_ITEMS, max(1, chunk_bytes // _CUDA_BYTES))
    rows = max(1, chunk_bytes // (_CUDA_BYTES * columns))
    wanted, present = (torch.from_numpy(labels.view(np.int64)).to(device) for labels in (query_labels, item_labels))
    for left in range(0, len(items), columns):
        codes = _signs(items[left : left + columns], bits, device).T
        for top in range(0, len(queries), rows):
            signs = _signs(queries[top : top + rows], bits, device)
            keys = ((bits - signs @ codes) / 2).to(torch.int64)
            keys += relevant(wanted[top : top + rows], present[left : left + columns], relevance) * bins
            keys += torch.arange(len(signs), device=device)[:, None] * (2 * bins)
            found = torch.bincount(keys.flatten(), minlength=len(signs) * 2 * bins)
            counts[top : top + rows] += found.view(len(signs), 2 * bins)
    return counts.cpu().numpy()


def _signs(packed: Tensor, bits: int, device: torch.device) -> Tensor:
    return unpack(packed.to(device), bits).to(torch.float32)


def _check(packed: Tensor, labels: Labels, bits: int, split: str) -> None:
    width = -(-bits // 8)
    if packed.dtype != torch.uint8 or packed.ndim != 2 or packed.shape[1] != width:
        raise ContractError(
            f"{split} codes have shape {tuple(packed.shape)} and type {packed.dtype}",
            hint=f"pack {bits} bits into (n, {width}) uint8 with robusthash.hashing.pack",
        )
    if bits % 8 and bool((packed[:, -1] & (255 >> bits % 8)).any()):
        raise ContractError(
            f"{split} codes of {bits} bits have set bits in their padding",
            hint="pack them with robusthash.hashing.pack",
        )
    if labels.ndim != 2 or len(labels) != len(packed):
        raise ContractError(
            f"{split} labels have shape {tuple(labels.shape)} for {len(packed)} codes",
            hint="give multi-hot labels, (n, classes)",
        )
