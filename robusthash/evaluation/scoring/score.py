"""Scores: the metrics of queries against a database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from torch import Tensor

from robusthash.boundary import breach, foreign
from robusthash.contracts import Index, Neighbours
from robusthash.evaluation.victims.system import Database
from robusthash.metrics import (
    MeasuredCounts,
    RankedCounts,
    RankingMetric,
    Relevance,
    Scores,
    bootstrap_interval,
    ranked_counts,
)
from robusthash.metrics.counting.relevance import pack_labels, relevant
from robusthash.results import Measure

_SLACK = 1e-9  #: tolerance of a metric's value, for float64 rounding
_PROBE = 100  #: number of neighbours per query that the retriever is asked for


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The scores of some queries.

    Attributes:
        measures: means with intervals and bands, by metric name.
        per_query: (queries,) float64, ties in expectation, by metric name.
        neighbours: (queries, k) int64, ids of the nearest items, as the retriever returned them.
        search: ``recall@k`` and ``precision@k`` of the retriever's result.
    """

    measures: Mapping[str, Measure]
    per_query: Mapping[str, np.ndarray]
    neighbours: np.ndarray
    search: Mapping[str, float]


def score(
    queries: Tensor,
    labels: Tensor,
    database: Database,
    metrics: Mapping[str, RankingMetric],
    *,
    seed: int,
    relevance: Relevance,
) -> Scored:
    """Scores queries with respect to some labels.

    Metrics are computed from counts over all items, so they do not depend on the order of ties. The retriever's result
    is checked against the counted distances.

    Args:
        queries: representations of the database's space.
        labels: (queries, classes) uint8, which decide relevance.
        database: the items that are searched.
        metrics: ranking metrics by name.
        seed: of the bootstrap.
        relevance: when an item is relevant to a query.

    Raises:
        ContractError: a retriever that claims to be exact returned wrong distances.
    """
    index = database.index
    k = min(_PROBE, index.size, index.capabilities.max_k or _PROBE)
    found = index.search(queries, k)
    parts: dict[str, list[Scores]] = {name: [] for name in metrics}
    answer = _Answer(found)
    for counts in _counts(queries, labels, database, relevance, nearest=k):
        answer.compare(counts)
        for name, metric in metrics.items():
            parts[name].append(values(metric, counts))
    _check_ids(found, index, queries, database)
    if index.capabilities.exact and answer.wrong:
        raise breach(
            index,
            f"claims to be exact, but {answer.wrong} of {len(queries)} queries"
            " got distances that differ from a full scan",
            hint="search with --retriever torch, and report it to the retriever's author",
        )
    scores = {name: _checked(Scores.cat(each), metrics[name], len(queries)) for name, each in parts.items()}
    return Scored(
        measures={name: _measure(each, seed) for name, each in scores.items()},
        per_query={name: each.expected for name, each in scores.items()},
        neighbours=found.ids.numpy(),
        search={
            f"recall@{k}": answer.recall,
            f"precision@{k}": _precision(found.ids, labels, database, relevance),
        },
    )


def per_query(
    metric: RankingMetric, queries: Tensor, labels: Tensor, database: Database, *, relevance: Relevance
) -> np.ndarray:
    """A metric of each query.

    Args:
        metric: the ranking metric.
        queries: representations of the database's space.
        labels: (queries, classes) uint8, which decide relevance.
        database: the items that are searched.
        relevance: when an item is relevant to a query.

    Returns:
        (queries,) float64, ties in expectation.
    """
    parts = [values(metric, counts) for counts in _counts(queries, labels, database, relevance)]
    return _checked(Scores.cat(parts), metric, len(queries)).expected


def _check_ids(found: Neighbours, index: Index, queries: Tensor, database: Database) -> None:
    """Checks that a retriever's ids are distinct items at the returned distances; also approximate retrievers must.

    Raises:
        ContractError: they are not.
    """
    ids = found.ids
    if int(ids.min()) < 0 or int(ids.max()) >= index.size:
        raise breach(index, "returned ids outside the database", hint="report it to the retriever's author")
    ordered = ids.sort(1).values
    if bool((ordered[:, 1:] == ordered[:, :-1]).any()):
        raise breach(index, "returned an item twice", hint="report it to the retriever's author")
    if database.space.binary:
        items = database.representation.numpy()[ids.numpy()]
        true = np.bitwise_count(items ^ queries.numpy()[:, None]).sum(2, dtype=np.int64)
        if (true != found.distances.numpy()).any():
            raise breach(
                index,
                "returned ids whose distances differ from those that it returned",
                hint="search with --retriever torch, and report it to the retriever's author",
            )


def values(metric: RankingMetric, counts: RankedCounts) -> Scores:
    """What a metric makes of counts.

    Raises:
        ContractError: it returned something other than one value of each kind for each query.
        PluginError: it raised an exception.
    """
    queries = len(counts.items)
    with foreign(metric, f"score {queries} queries"):
        found = metric.per_query(counts)
    arrays: list[Any] = [getattr(found, field.name, None) for field in fields(Scores)]
    if not isinstance(found, Scores) or not all(isinstance(a, np.ndarray) and a.dtype.kind in "fbiu" for a in arrays):
        raise breach(metric, f"returned {type(found).__name__}", hint="return Scores of arrays from `per_query`")
    shapes = sorted({array.shape for array in arrays})
    if shapes != [(queries,)]:
        told = " and ".join(map(str, shapes))
        raise breach(metric, f"returned values of shape {told} for {queries} queries", hint="return one for each query")
    return found


def _checked(scores: Scores, metric: RankingMetric, queries: int) -> Scores:
    """Returns the scores of a metric if they are valid.

    Raises:
        ContractError: they have another length, are NaN or infinite, or are outside their band.
    """
    found = np.stack([scores.worst, scores.expected, scores.best]) if len(scores.expected) else np.zeros((3, 0))
    if found.shape[1] != queries:
        raise breach(
            metric, f"returned {found.shape[1]} values for {queries} queries", hint="return one for each query"
        )
    if not np.isfinite(found).all() or not np.isfinite(scores.counted).all():
        raise breach(metric, "returned NaN or infinite values", hint="report it to the metric's author")
    if (found[0] > found[1] + _SLACK).any() or (found[1] > found[2] + _SLACK).any():
        raise breach(
            metric,
            "returned a value outside the band of its worst and best orders of ties",
            hint="report it to the metric's author",
        )
    return scores


class _Answer:
    """Compares a retriever's result with the true distances, some queries at a time.

    Args:
        found: the retriever's result.

    Attributes:
        wrong: number of queries with a wrong distance, up to float32 rounding.
    """

    def __init__(self, found: Neighbours) -> None:
        self._distances = found.distances.numpy()
        self._seen = 0
        self._reached: list[np.ndarray] = []
        self.wrong = 0

    def compare(self, counts: MeasuredCounts) -> None:
        """Compares the next queries.

        Args:
            counts: of these queries.
        """
        rows = slice(self._seen, self._seen + len(counts.items))
        self._seen = rows.stop
        found = counts.comparable(self._distances[rows])
        true = counts.nearest_distances(found.shape[1])
        self.wrong += int((np.abs(found - true) > counts.slack).any(1).sum())
        self._reached.append(found <= true[:, -1:] + counts.slack)

    @property
    def recall(self) -> float:
        """Share of the returned items that are no farther than the true k-th neighbour."""
        return float(np.concatenate(self._reached).mean())


def _counts(
    queries: Tensor, labels: Tensor, database: Database, relevance: Relevance, *, nearest: int = 0
) -> Iterator[MeasuredCounts]:
    return ranked_counts(
        queries,
        database.representation,
        labels,
        database.labels,
        space=database.space,
        relevance=relevance,
        nearest=nearest,
    )


def _measure(scores: Scores, seed: int) -> Measure:
    low, high = bootstrap_interval(scores.expected, weights=scores.counted, seed=seed)
    return Measure(value=scores.mean(), low=low, high=high, worst=scores.mean("worst"), best=scores.mean("best"))


def _precision(neighbours: Tensor, labels: Tensor, database: Database, relevance: Relevance) -> float:
    hits = [
        relevant(pack_labels(query[None]), pack_labels(database.labels[items]), relevance).sum()
        for query, items in zip(labels, neighbours, strict=True)
    ]
    return float(np.sum(hits) / max(1, neighbours.numel()))
