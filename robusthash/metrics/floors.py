"""Reference values that follow from the labels alone."""

from typing import Any

import numpy as np
import numpy.typing as npt

from robusthash.contracts import Space
from robusthash.metrics.counting.counts import RankedCounts
from robusthash.metrics.counting.histograms import DistanceHistograms
from robusthash.metrics.counting.labels import Labels
from robusthash.metrics.counting.relevance import relevant_counts
from robusthash.metrics.ranking import random_average_precision, worst_average_precision
from robusthash.specs import Relevance


def random_floor(query_labels: Labels, database_labels: Labels, *, relevance: Relevance) -> float:
    """MAP over the whole database of random codes, in expectation.

    Args:
        query_labels: (q, classes) multi-hot; target labels for a targeted attack.
        database_labels: (n, classes) multi-hot.
        relevance: when an item is relevant.

    >>> round(random_floor(np.eye(2), np.eye(2), relevance=Relevance.EXACT), 4)
    0.75
    """
    hits = relevant_counts(query_labels, database_labels, relevance=relevance)
    return _mean(random_average_precision(hits, np.full_like(hits, len(database_labels))))


def worst_floor(query_labels: Labels, database_labels: Labels, *, relevance: Relevance) -> float:
    """MAP with every irrelevant item before every relevant one: no attack can go below.

    Args:
        query_labels: (q, classes) multi-hot; target labels for a targeted attack.
        database_labels: (n, classes) multi-hot.
        relevance: when an item is relevant.

    >>> worst_floor(np.eye(2), np.eye(2), relevance=Relevance.EXACT)
    0.5
    """
    hits = relevant_counts(query_labels, database_labels, relevance=relevance)
    return _mean(worst_average_precision(hits, np.full_like(hits, len(database_labels))))


def best_ceiling(query_labels: Labels, database_labels: Labels, *, relevance: Relevance) -> float:
    """MAP with every relevant item first: the share of queries that have a relevant item at all.

    Args:
        query_labels: (q, classes) multi-hot; target labels for a targeted attack.
        database_labels: (n, classes) multi-hot.
        relevance: when an item is relevant.

    >>> best_ceiling(np.array([[1, 0], [0, 0]]), np.eye(2), relevance=Relevance.SHARE_ANY)
    0.5
    """
    hits = relevant_counts(query_labels, database_labels, relevance=relevance)
    return _mean((hits > 0).astype(np.float64))


def worst_counts(query_labels: Labels, database_labels: Labels, *, space: Space, relevance: Relevance) -> RankedCounts:
    """The counts of the worst ranking: every irrelevant item at distance 0, and every relevant one as far as can be.

    Args:
        query_labels: (q, classes) multi-hot; target labels for a targeted attack.
        database_labels: (n, classes) multi-hot.
        space: distance histograms in Hamming space; two buckets in others.
        relevance: when an item is relevant.

    >>> worst_counts(np.eye(1), np.ones((3, 1)), space=Space.hamming(2), relevance=Relevance.EXACT).items.tolist()
    [[0, 0, 3]]
    """
    hits = relevant_counts(query_labels, database_labels, relevance=relevance)
    return _extreme(len(database_labels) - hits, hits, space, relevant_first=False)


def best_counts(query_labels: Labels, database_labels: Labels, *, space: Space, relevance: Relevance) -> RankedCounts:
    """The counts of the best ranking: every relevant item at distance 0, and every irrelevant one as far as can be.

    Args:
        query_labels: (q, classes) multi-hot; target labels for a targeted attack.
        database_labels: (n, classes) multi-hot.
        space: distance histograms in Hamming space; two buckets in others.
        relevance: when an item is relevant.

    >>> labels = np.array([[1], [1], [0]])
    >>> best_counts(np.eye(1), labels, space=Space.hamming(2), relevance=Relevance.EXACT).items.tolist()
    [[2, 0, 1]]
    """
    hits = relevant_counts(query_labels, database_labels, relevance=relevance)
    return _extreme(hits, len(database_labels) - hits, space, relevant_first=True)


def _extreme(first: npt.NDArray[Any], last: npt.NDArray[Any], space: Space, *, relevant_first: bool) -> RankedCounts:
    """Counts with some items at distance 0, and the others as far as can be; either are the relevant ones."""
    near, far = np.zeros((2, len(first), space.size + 1 if space.binary else 2), np.int64)
    near[:, 0], far[:, -1] = first, last
    relevant = near if relevant_first else far
    if space.binary:
        return DistanceHistograms(items=near + far, relevant=relevant, bits=space.size)
    return RankedCounts(items=near + far, relevant=relevant)


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
