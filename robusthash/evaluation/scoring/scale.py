"""Scores representations: what queries are scored with, and the metrics of some queries."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from torch import Tensor

from robusthash.adversary import anchor_codes
from robusthash.boundary import breach, foreign
from robusthash.evaluation.scoring.answers import Answer, precision
from robusthash.evaluation.victims.system import Database, System
from robusthash.hashing import mean, vote
from robusthash.metrics import (
    MeasuredCounts,
    RankedCounts,
    RankingMetric,
    Relevance,
    Returned,
    Scores,
    best_counts,
    bootstrap_interval,
    random_floor,
    ranked_counts,
    returned_counts,
    worst_counts,
    worst_floor,
)
from robusthash.results import Against, Measure

_SLACK = 1e-9  #: tolerance of a metric's value, for float64 rounding
_PROBE = 100  #: number of neighbours per query that the retriever is asked for


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The scores of some queries.

    Attributes:
        measures: means with intervals and bands, by metric name.
        per_query: (queries,) float64, ties in expectation, by metric name.
        neighbours: (queries, k) int64, ids of the nearest items, as the retriever returned them.
        search: of the retriever's result, as in :class:`~robusthash.results.Outcome`.
    """

    measures: Mapping[str, Measure]
    per_query: Mapping[str, np.ndarray]
    neighbours: np.ndarray
    search: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What queries are scored with; it also judges the members of an ensemble.

    Attributes:
        database: the items that are searched.
        metrics: ranking metrics by name, the headline first.
        relevance: when an item is relevant to a query.
        seed: of the bootstrap.
    """

    database: Database
    metrics: Mapping[str, RankingMetric]
    relevance: Relevance
    seed: int

    @classmethod
    def of(cls, system: System) -> "Scale":
        """The scale of a system: a victim and its database."""
        resources = system.resources
        return cls(
            database=system.database,
            metrics=resources.metrics_for(system.space),
            relevance=resources.setting.relevance,
            seed=resources.setting.seed,
        )

    @property
    def headline(self) -> RankingMetric:
        """The headline metric."""
        return next(iter(self.metrics.values()))

    def score_again(self, items: Tensor, labels: Tensor) -> Scored:
        """Scores queries that come with every cell of a victim, as clean ones do: once, as long as its database lives.

        Args:
            items: as for :meth:`score`.
            labels: as for :meth:`score`.

        Raises:
            ContractError: as for :meth:`score`.
        """
        asked = hashlib.sha256(repr((self.relevance, self.seed, *self.metrics)).encode())
        for part in (items, labels):
            asked.update(part.contiguous().numpy().tobytes())
        key, known = asked.hexdigest(), self.database.known
        if key not in known:
            known[key] = self.score(items, labels)
        scored: Scored = known[key]
        return scored

    def score(self, items: Tensor, labels: Tensor) -> Scored:
        """Scores queries with respect to some labels.

        Exact metrics are computed from counts over all items, so they do not depend on the order of ties; those of
        returned lists, from the answer to a search for as many items as they take. The retriever's answers are checked
        against the counted distances.

        Args:
            items: their representations, one row each.
            labels: (queries, classes) uint8, which decide relevance.

        Raises:
            ContractError: a retriever that claims to be exact returned wrong distances, or a metric wrong values.
            UsageError: a metric of returned lists takes more items than the retriever returns.
        """
        index = self.database.index
        k = min(_PROBE, index.size, index.capabilities.max_k or _PROBE)
        returned = {name: metric for name, metric in self.metrics.items() if isinstance(metric, Returned)}
        sizes = {k, *(min(metric.places, index.size) for metric in returned.values())}
        checks = {size: Answer(index.search(items, size), index, items, self.database) for size in sorted(sizes)}
        parts: dict[str, list[Scores]] = {name: [] for name in self.metrics if name not in returned}
        for counts in self._counts(items, labels, nearest=max(checks)):
            for name in parts:
                parts[name].append(values(self.metrics[name], counts))
            for answer in checks.values():
                answer.compare(counts)
        for answer in checks.values():
            answer.require_exact()
        scores = {
            name: Scores.cat(parts[name]) if name in parts else self._returned(metric, checks, labels)
            for name, metric in self.metrics.items()
        }
        return Scored(
            measures={name: measured(self.metrics[name], each, len(items), self.seed) for name, each in scores.items()},
            per_query={name: each.expected for name, each in scores.items()},
            neighbours=checks[k].found.ids.numpy(),
            search={
                f"recall@{k}": checks[k].recall,
                f"precision@{k}": precision(checks[k].found.ids, labels, self.database, self.relevance),
                **self._told(checks),
            },
        )

    def _returned(self, metric: RankingMetric, checks: Mapping[int, Answer], labels: Tensor) -> Scores:
        """The scores of the lists that were returned to a search for as many items as a metric takes."""
        places = min(metric.places or 0, self.database.index.size)
        return self._of_lists(metric, checks[places].found.ids, labels)

    def _of_lists(self, metric: RankingMetric, ids: Tensor, labels: Tensor) -> Scores:
        return values(metric, returned_counts(ids, labels, self.database.labels, relevance=self.relevance))

    def _told(self, checks: Mapping[int, Answer]) -> dict[str, float]:
        """What the headline's lists are worth, and where a list may come short, how long it was."""
        found = {f"returned@{k}": answer.returned for k, answer in checks.items() if not answer.complete}
        headline = self.headline
        if isinstance(headline, Returned):
            answer = checks[min(headline.places, self.database.index.size)]
            found |= {"recall": answer.recall, "returned": answer.returned}
        return found

    def judged(self, items: Tensor, labels: Tensor) -> np.ndarray:
        """The headline metric of some queries.

        Args:
            items: their representations, one row each.
            labels: (queries, classes) uint8, which decide relevance.

        Returns:
            (queries,) float64, ties in expectation.

        Raises:
            ContractError: the metric returned wrong values.
        """
        metric, index = self.headline, self.database.index
        if isinstance(metric, Returned):
            found = index.search(items, min(metric.places, index.size))
            scores = self._of_lists(metric, found.ids, labels)
        else:
            scores = Scores.cat([values(metric, counts) for counts in self._counts(items, labels)])
        _check(scores, metric, len(items))
        return scores.expected

    def strongest_possible(self, labels: Tensor, *, targeted: bool = False) -> np.ndarray:
        """The headline metric of each query under the strongest attack that could be: no attack can do more.

        Away from labels it is the lowest, with all irrelevant items nearest and all relevant ones farthest; towards
        labels, the highest, of the opposite ranking.

        Args:
            labels: (queries, classes) uint8, which decide relevance.
            targeted: whether the attack is to find items with these labels.

        Returns:
            (queries,) float64.
        """
        counts = (best_counts if targeted else worst_counts)(
            labels, self.database.packed_labels, space=self.database.space, relevance=self.relevance
        )
        return values(self.headline, counts).expected

    def floors(
        self, own: Tensor, targets: Tensor | None = None, anchors: Tensor | None = None
    ) -> dict[Against, dict[str, float]]:
        """Reference values: ``map`` of random codes and the worst ``map``, and the headline metric of the anchors.

        Args:
            own: (queries, classes) uint8, the queries' own labels.
            targets: (queries, classes) uint8, for a targeted attack the target labels.
            anchors: for a targeted attack, one representation per query that stands for its anchors.
        """
        items = self.database.packed_labels
        floors = {
            Against.OWN: {
                "random": random_floor(own, items, relevance=self.relevance),
                "worst": worst_floor(own, items, relevance=self.relevance),
            }
        }
        if targets is not None and anchors is not None:
            floors[Against.TARGET] = {
                "random": random_floor(targets, items, relevance=self.relevance),
                "anchor": self.score(anchors, targets).measures[next(iter(self.metrics))].value,
            }
        return floors

    def _counts(self, items: Tensor, labels: Tensor, *, nearest: int = 0) -> Iterator[MeasuredCounts]:
        return ranked_counts(
            items,
            self.database.representation,
            labels,
            self.database.packed_labels,
            space=self.database.space,
            relevance=self.relevance,
            nearest=nearest,
        )


def representative(anchors: Tensor, database: Database) -> Tensor:
    """One representation for the anchors of each query: the vote of their codes, or the mean of their descriptors.

    Args:
        anchors: (queries, voters) int64, their positions in the database; -1 is an absent voter.
        database: where they come from.

    Returns:
        (queries, ceil(bits / 8)) uint8 packed codes, or (queries, d) float32.
    """
    codes = anchor_codes(anchors, database.representation, database.space)
    return database.space.represent(vote(codes) if database.space.binary else mean(codes))


def values(metric: RankingMetric, counts: RankedCounts) -> Scores:
    """What a metric makes of counts.

    Args:
        metric: the ranking metric.
        counts: of the queries.

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


def _check(scores: Scores, metric: RankingMetric, queries: int) -> None:
    """Checks the scores of a metric.

    Raises:
        ContractError: they have another length, are NaN or infinite, or are outside their band.
    """
    found = np.stack([scores.worst, scores.expected, scores.best]) if len(scores.expected) else np.zeros((3, 0))
    if found.shape[1] != queries:
        raise breach(metric, f"returned {found.shape[1]} values for {queries} queries", hint="return one each")
    if not np.isfinite(found).all() or not np.isfinite(scores.counted).all():
        raise breach(metric, "returned NaN or infinite values", hint="report it to the metric's author")
    if (found[0] > found[1] + _SLACK).any() or (found[1] > found[2] + _SLACK).any():
        raise breach(
            metric,
            "returned a value outside the band of its worst and best orders of ties",
            hint="report it to the metric's author",
        )


def measured(metric: RankingMetric, scores: Scores, queries: int, seed: int) -> Measure:
    """The mean of a metric's scores, with its interval and its band over the orders of ties.

    Args:
        metric: whose scores they are.
        scores: of all queries.
        queries: how many there are.
        seed: of the bootstrap.

    Raises:
        ContractError: the metric returned wrong values.
    """
    _check(scores, metric, queries)
    low, high = bootstrap_interval(scores.expected, weights=scores.counted, seed=seed)
    return Measure(value=scores.mean(), low=low, high=high, worst=scores.mean("worst"), best=scores.mean("best"))
