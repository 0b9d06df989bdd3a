"""From codes to numbers: the metrics of one set of queries against one database."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Index
from robusthash.errors import ContractError
from robusthash.metrics import (
    DistanceHistograms,
    RankingMetric,
    Relevance,
    bootstrap_interval,
    distance_histograms,
)
from robusthash.metrics.relevance import pack_labels, relevant
from robusthash.results import Measure

_PROBE = 100  #: neighbours asked of the retriever, for each query


@dataclass(frozen=True, kw_only=True)
class Database:
    """What is searched.

    Attributes:
        packed: (items, bytes) uint8 codes.
        labels: (items, classes) uint8.
        bits: code length.
        index: the retriever's index over the same codes.
    """

    packed: Tensor
    labels: Tensor
    bits: int
    index: Index


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The metrics of one set of queries.

    Attributes:
        measures: by metric name.
        per_query: by metric name, (queries,) float64, ties in expectation.
        neighbours: (queries, k) int64, ids of the nearest items as the retriever returned them.
        search: what the retriever's answer is worth, ``recall@k`` and ``precision@k``.
    """

    measures: Mapping[str, Measure]
    per_query: Mapping[str, np.ndarray]
    neighbours: np.ndarray
    search: Mapping[str, float]


def score(
    packed: Tensor,
    labels: Tensor,
    database: Database,
    metrics: Mapping[str, RankingMetric],
    *,
    seed: int,
    relevance: Relevance,
) -> Scored:
    """Scores queries with respect to some labels.

    The metrics come from the distance histograms of all items, so no order of ties enters them; the retriever's own
    answer is checked against the same histograms.

    Args:
        packed: (queries, bytes) uint8 codes.
        labels: (queries, classes) uint8; what counts as relevant to each query.
        database: what is searched.
        metrics: by name.
        seed: of the bootstrap.
        relevance: when an item is relevant to a query.

    Raises:
        ContractError: a retriever that claims to be exact returned wrong distances.
    """
    counts = histograms(packed, labels, database, relevance=relevance)
    measures, per_query = {}, {}
    for name, metric in metrics.items():
        scores = metric.per_query(counts)
        low, high = bootstrap_interval(scores.expected, weights=scores.counted, seed=seed)
        measures[name] = Measure(
            value=scores.mean(), low=low, high=high, worst=scores.mean("worst"), best=scores.mean("best")
        )
        per_query[name] = scores.expected
    neighbours, recall = _search(packed, database.index, counts)
    k = neighbours.shape[1]
    search = {f"recall@{k}": recall, f"precision@{k}": _precision(neighbours, labels, database, relevance)}
    return Scored(measures=measures, per_query=per_query, neighbours=neighbours.numpy(), search=search)


def histograms(packed: Tensor, labels: Tensor, database: Database, *, relevance: Relevance) -> DistanceHistograms:
    """Items and relevant items by distance to each query.

    Args:
        packed: (queries, bytes) uint8 codes.
        labels: (queries, classes) uint8.
        database: what is searched.
        relevance: when an item is relevant to a query.
    """
    return distance_histograms(
        packed, database.packed, labels, database.labels, bits=database.bits, relevance=relevance
    )


def _search(packed: Tensor, index: Index, counts: DistanceHistograms) -> tuple[Tensor, float]:
    """What the retriever returns, and the share of it that is no farther than the true k-th neighbour."""
    limit = index.capabilities.max_k
    k = min(_PROBE, index.size, limit or _PROBE)
    found = index.search(packed, k)
    true = torch.from_numpy(nearest_distances(counts.items, k))
    if index.capabilities.exact:
        wrong = (found.distances.cpu() != true).any(1)
        if wrong.any():
            raise ContractError(
                f"{type(index).__name__} claims to be exact, but {int(wrong.sum())} of {len(wrong)} queries"
                " got other distances than a full scan",
                hint="search with --retriever torch, and report it to the retriever's author",
            )
    return found.ids.cpu(), float((found.distances.cpu() <= true[:, -1:]).double().mean())


def _precision(neighbours: Tensor, labels: Tensor, database: Database, relevance: Relevance) -> float:
    hits = [
        relevant(pack_labels(query[None]), pack_labels(database.labels[items]), relevance).sum()
        for query, items in zip(labels, neighbours, strict=True)
    ]
    return float(np.sum(hits) / max(1, neighbours.numel()))


def nearest_distances(items: np.ndarray, k: int) -> np.ndarray:
    """The k smallest distances of each query, ascending, from its distance histogram.

    Args:
        items: (queries, bits + 1), number of items at each distance.
        k: at most the number of items.

    Returns:
        (queries, k) int64.

    >>> nearest_distances(np.array([[1, 0, 2]]), 2).tolist()
    [[0, 2]]
    """
    within = np.cumsum(items, axis=1)
    return np.stack([np.searchsorted(row, np.arange(1, k + 1)) for row in within]).astype(np.int64)
