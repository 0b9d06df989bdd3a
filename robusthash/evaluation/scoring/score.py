"""From representations to numbers: the metrics of one set of queries against one database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from robusthash.contracts import Neighbours
from robusthash.errors import ContractError
from robusthash.evaluation.victims.system import Database
from robusthash.metrics import MeasuredCounts, RankingMetric, Relevance, Scores, bootstrap_interval, ranked_counts
from robusthash.metrics.relevance import pack_labels, relevant
from robusthash.results import Measure

_PROBE = 100  #: neighbours asked of the retriever, for each query


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
    queries: Tensor,
    labels: Tensor,
    database: Database,
    metrics: Mapping[str, RankingMetric],
    *,
    seed: int,
    relevance: Relevance,
) -> Scored:
    """Scores queries with respect to some labels.

    The metrics come from counts over all items, so no order of ties enters them; the retriever's own answer is checked
    against the distances that were counted.

    Args:
        queries: a representation of the database's space.
        labels: (queries, classes) uint8; what counts as relevant to each query.
        database: what is searched.
        metrics: by name.
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
            parts[name].append(metric.per_query(counts))
    if index.capabilities.exact and answer.wrong:
        raise ContractError(
            f"{type(index).__name__} claims to be exact, but {answer.wrong} of {len(queries)} queries"
            " got other distances than a full scan",
            hint="search with --retriever torch, and report it to the retriever's author",
        )
    scores = {name: Scores.cat(each) for name, each in parts.items()}
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
    """One metric of each query, ties in expectation: (queries,) float64.

    Args:
        metric: which.
        queries: a representation of the database's space.
        labels: (queries, classes) uint8.
        database: what is searched.
        relevance: when an item is relevant to a query.
    """
    parts = [metric.per_query(counts) for counts in _counts(queries, labels, database, relevance)]
    return Scores.cat(parts).expected


class _Answer:
    """What a retriever returned, beside the true distances, which come some queries at a time.

    Args:
        found: its answer.

    Attributes:
        wrong: queries with a distance that is not the true one, up to what float32 may be off.
    """

    def __init__(self, found: Neighbours) -> None:
        self._distances = found.distances.numpy()
        self._seen = 0
        self._reached: list[np.ndarray] = []
        self.wrong = 0

    def compare(self, counts: MeasuredCounts) -> None:
        """Looks at the next queries."""
        rows = slice(self._seen, self._seen + len(counts.items))
        self._seen = rows.stop
        found = counts.comparable(self._distances[rows])
        true = counts.nearest_distances(found.shape[1])
        self.wrong += int((np.abs(found - true) > counts.slack).any(1).sum())
        self._reached.append(found <= true[:, -1:] + counts.slack)

    @property
    def recall(self) -> float:
        """The share of the answer that is no farther than the true k-th neighbour."""
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
