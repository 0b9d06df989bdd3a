"""Ranked counts in any space: histograms of codes at once, and those of descriptors some queries at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Distance, Space
from robusthash.errors import ContractError, OptionError
from robusthash.metrics.counting.counts import Counts, MeasuredCounts
from robusthash.metrics.counting.distances import DescriptorDistances
from robusthash.metrics.counting.histograms import distance_histograms
from robusthash.metrics.counting.labels import Labels
from robusthash.metrics.counting.relevance import label_words, relevant
from robusthash.specs import Relevance

_CHUNK = 1 << 28
_BYTES = 64  #: working memory of a pair: its distance, relevance, sorted key, and its part of a bucket
_FEWEST = 8  #: buckets


@dataclass(frozen=True, kw_only=True, eq=False)
class DescriptorCounts(MeasuredCounts):
    """Counts of some queries by the distances of descriptors.

    Attributes:
        nearest: (queries, n) float32, distances of the nearest items, ascending.
        off: (queries, 1) float64, how far a squared distance in float32 may be from the exact one.
        space: of the descriptors.
    """

    nearest: npt.NDArray[np.float32]
    off: npt.NDArray[np.float64]
    space: Space

    def nearest_distances(self, k: int) -> npt.NDArray[np.float64]:  # noqa: D102 - as in the base class
        return self.comparable(self.nearest[:, :k])

    def comparable(self, distances: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """Squared Euclidean distances: those are what float32 arithmetic is off by a known amount of."""
        values = distances.astype(np.float64)
        return values**2 if self.space.distance is Distance.L2 else 2 * values

    @property
    def slack(self) -> npt.NDArray[np.float64]:  # noqa: D102 - as in the base class
        return self.off


def ranked_counts(
    queries: Tensor,
    items: Tensor,
    query_labels: Labels,
    item_labels: Labels,
    *,
    space: Space,
    relevance: Relevance = Relevance.SHARE_ANY,
    nearest: int = 0,
    chunk_bytes: int | None = None,
    device: torch.device | str | None = None,
) -> Iterator[MeasuredCounts]:
    """Counts items and relevant items at each successive distance from each query.

    Nearly every descriptor is at a distance of its own, so that counts of descriptors are as large as a table of all
    pairs. They come in chunks of queries, to be scored one after the other::

        parts = [metric.per_query(counts) for counts in ranked_counts(...)]
        scores = Scores.cat(parts)

    Args:
        queries: a representation of the space: packed codes or descriptors.
        items: of the database.
        query_labels: (q, classes) multi-hot: what counts as relevant to each query.
        item_labels: (n, classes) multi-hot.
        space: what they are compared in.
        relevance: when an item is relevant.
        nearest: how many of the smallest distances to keep, at most the number of items.
        chunk_bytes: working memory to be held at once, beside inputs and results.
        device: where to count; None is where the database is.

    Yields:
        :class:`DistanceHistograms` of all queries in Hamming space, else :class:`DescriptorCounts` of some of them, in
        their order; at least one.

    Raises:
        ContractError: representations or labels have a wrong shape or type.
        OptionError: ``chunk_bytes`` is not positive.
    """
    if space.binary:
        yield distance_histograms(
            queries,
            items,
            query_labels,
            item_labels,
            bits=space.size,
            relevance=relevance,
            chunk_bytes=chunk_bytes,
            device=device,
        )
        return
    if chunk_bytes is not None and chunk_bytes < 1:
        raise OptionError(f"chunk_bytes is {chunk_bytes}", hint="give a positive number of bytes")
    for split, part, labels in (("query", queries, query_labels), ("database", items, item_labels)):
        if len(labels.shape) != 2 or len(labels) != len(part) or labels.shape[1] != query_labels.shape[1]:
            raise ContractError(
                f"{split} labels have shape {tuple(labels.shape)} for {len(part)} descriptors",
                hint="give multi-hot labels, (n, classes), of the same classes in the same order",
            )
    measured = DescriptorDistances(items, space, device)
    wanted, present = (
        torch.from_numpy(label_words(labels).view(np.int32)).to(measured.device)
        for labels in (query_labels, item_labels)
    )
    rows = max(1, (chunk_bytes or _CHUNK) // (_BYTES * max(1, len(items))))
    for start in range(0, max(1, len(queries)), rows):
        chunk = slice(start, start + rows)
        hits = relevant(wanted[:, chunk], present, relevance)
        yield _counted(measured, queries[chunk], hits, nearest)


def _counted(measured: DescriptorDistances, queries: Tensor, hits: Tensor, nearest: int) -> DescriptorCounts:
    keys = _sorted_keys(measured.table(queries), hits)
    items, found = _buckets(keys >> np.uint32(1), (keys & 1).astype(bool))
    return DescriptorCounts(
        items=items,
        relevant=found,
        nearest=(keys[:, :nearest] >> np.uint32(1)).view(np.float32),
        off=measured.slack(queries).numpy(),
        space=measured.space,
    )


def _sorted_keys(table: Tensor, hits: Tensor) -> npt.NDArray[np.uint32]:
    """One key an item, ascending: the 31 bits of its distance, which is not negative, then whether it is relevant."""
    if table.is_cuda:
        keys = (table.view(torch.int32).to(torch.int64) << 1) + hits
        return keys.sort(dim=1).values.cpu().numpy().astype(np.uint32)
    return np.sort((table.numpy().view(np.uint32) << np.uint32(1)) + hits.numpy(), axis=1)


def _buckets(ranks: npt.NDArray[np.uint32], hits: npt.NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """Items and relevant items of each run of equal ranks; neighbouring runs with hits alone, or without, are one.

    Args:
        ranks: (queries, n), ascending.
        hits: (queries, n), which items are relevant; of equal ranks those that are not come first.

    Returns:
        (queries, buckets) each. The number of buckets is a power of two: numpy then sums a row in the same order
        whatever the longest of its neighbours is.
    """
    queries, n = ranks.shape
    if not ranks.size:
        return np.zeros((queries, _FEWEST), np.int64), np.zeros((queries, _FEWEST), np.int64)
    turn = np.zeros((queries, n), bool)
    np.not_equal(hits[:, 1:], hits[:, :-1], out=turn[:, 1:])
    # Where hits begin within a run of equal ranks, the run is mixed, and a bucket of its own.
    mixed = np.zeros((queries, n), bool)
    np.equal(ranks[:, 1:], ranks[:, :-1], out=mixed[:, 1:])
    mixed &= turn
    middles = np.flatnonzero(mixed)
    keys = (ranks + (np.arange(queries, dtype=np.uint64)[:, None] << np.uint64(32))).reshape(-1)
    starts, ends = (np.searchsorted(keys, keys[middles], side) for side in ("left", "right"))
    begins = turn.reshape(-1)
    begins[middles] = False
    begins[starts], begins[ends[ends < begins.size]], begins[::n] = True, True, True
    first = np.flatnonzero(begins)
    sizes = np.diff(first, append=begins.size)
    found = np.where(hits.reshape(-1)[first], sizes, 0)
    found[np.searchsorted(first, starts)] = ends - middles
    row = first // n
    place = np.arange(len(first)) - np.searchsorted(row, np.arange(queries))[row]
    width = max(_FEWEST, 1 << int(place.max()).bit_length())
    counts = np.zeros((2, queries, width), np.int64)
    counts[0, row, place], counts[1, row, place] = sizes, found
    return counts[0], counts[1]
