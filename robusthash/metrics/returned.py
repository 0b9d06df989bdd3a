"""Metrics of what an index returns, in the order in which it returns it, instead of what the codes would allow."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from robusthash.errors import UsageError
from robusthash.metrics.counting.counts import RankedCounts
from robusthash.metrics.counting.labels import Labels, pack_labels
from robusthash.metrics.counting.relevance import label_words, relevant, relevant_counts
from robusthash.metrics.protocols import RankingMetric
from robusthash.metrics.scores import Scores
from robusthash.specs import Relevance, ScoreBy


@dataclass(frozen=True, kw_only=True)
class Returned(RankingMetric):
    """A metric of the first places, of the list that an index returned.

    The list has an order, so no two of its items are tied. A place that the index left empty counts as irrelevant.

    Args:
        metric: that of the exact ranking.

    Raises:
        UsageError: it needs more than the first places.
    """

    ties: ClassVar[str] = "as-returned"

    metric: RankingMetric  #: of the exact ranking

    def __post_init__(self) -> None:
        if self.metric.places is None:
            raise UsageError(
                f"{self.metric.name} needs the whole database, and an index returns the nearest items",
                hint="with --score-by retriever, take metrics of the first places, such as map@1000 or precision@100",
            )

    @property
    def name(self) -> str:
        """``returned:map@1000``."""
        return ScoreBy.RETRIEVER.qualify(self.metric.name)

    @property
    def version(self) -> int:  # type: ignore[override]  # of the metric, which is known once there is one
        """Of the metric."""
        return self.metric.version

    @property
    def places(self) -> int:
        """How many items the index is asked for."""
        assert self.metric.places is not None  # noqa: S101 - checked when it was made
        return self.metric.places

    def per_query(self, counts: RankedCounts) -> Scores:
        """The metric's value of each query.

        Args:
            counts: of the returned lists, from :func:`returned_counts`.
        """
        return self.metric.per_query(counts)


def returned_metrics(metrics: Iterable[RankingMetric]) -> list[RankingMetric]:
    """Metrics of what an index returns, followed by those of the exact ranking.

    Args:
        metrics: of the exact ranking, the headline first.

    Raises:
        UsageError: one of them needs more than the first places.
    """
    exact = list(metrics)
    return [*(Returned(metric=metric) for metric in exact), *exact]


def returned_counts(
    ids: Tensor, query_labels: Labels, item_labels: Labels, *, relevance: Relevance = Relevance.SHARE_ANY
) -> RankedCounts:
    """Counts of lists as they were returned: a bucket for each place, and one for all other items.

    Args:
        ids: (q, k) int64, the returned items in their order, -1 where there is none; such a place is irrelevant.
        query_labels: (q, classes) multi-hot: what counts as relevant to each query.
        item_labels: (n, classes) multi-hot.
        relevance: when an item is relevant.

    >>> import torch
    >>> counts = returned_counts(torch.tensor([[2, 0, -1]]), np.array([[1, 0]]), np.array([[1, 0], [1, 0], [0, 1]]))
    >>> counts.items.tolist(), counts.relevant.tolist()
    ([[1, 1, 1, 1]], [[0, 1, 0, 1]])
    """
    places, there = ids.numpy(), ids.numpy() >= 0
    wanted, present = label_words(query_labels), pack_labels(item_labels)
    hits = np.zeros(places.shape, np.int64)
    for row, items in enumerate(places):
        found = relevant(wanted[:, row, None], label_words(present[items[there[row]]]), relevance)
        hits[row, there[row]] = found[0]
    rest = len(item_labels) - there.sum(1)
    others = relevant_counts(query_labels, item_labels, relevance=relevance) - hits.sum(1)
    return RankedCounts(
        items=np.concatenate([np.ones_like(hits), rest[:, None]], axis=1),
        relevant=np.concatenate([hits, others[:, None]], axis=1),
    )
