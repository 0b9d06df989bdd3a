"""What a number has to be read against: rankings that know nothing, and the worst there can be."""

import numpy as np
from torch import Tensor

from robusthash.metrics.histograms import DistanceHistograms
from robusthash.metrics.ranking import average_precision
from robusthash.metrics.relevance import Relevance, label_words, relevant_to


def random_floor(query_labels: Tensor, database_labels: Tensor, relevance: Relevance = Relevance.SHARE_ANY) -> float:
    """Expected ``map`` of a random order: one bucket that holds everything.

    Args:
        query_labels: (q, classes) uint8.
        database_labels: (n, classes) uint8.
        relevance: when an item is relevant.
    """
    relevant = _relevant(query_labels, database_labels, relevance)
    one = np.full((len(relevant), 1), len(database_labels), dtype=np.int64)
    return average_precision(DistanceHistograms(items=one, relevant=relevant[:, None]), None, lambda r: r).mean()


def worst_floor(query_labels: Tensor, database_labels: Tensor, relevance: Relevance = Relevance.SHARE_ANY) -> float:
    """``map`` if everything irrelevant comes first: no attack can go below it on this database.

    Args:
        query_labels: (q, classes) uint8.
        database_labels: (n, classes) uint8.
        relevance: when an item is relevant.
    """
    relevant = _relevant(query_labels, database_labels, relevance)
    items = np.stack([len(database_labels) - relevant, relevant], axis=1)
    hits = np.stack([np.zeros_like(relevant), relevant], axis=1)
    return average_precision(DistanceHistograms(items=items, relevant=hits), None, lambda r: r).mean()


def _relevant(query_labels: Tensor, database_labels: Tensor, relevance: Relevance) -> np.ndarray:
    items = label_words(database_labels)
    vectors, inverse = np.unique(label_words(query_labels), axis=0, return_inverse=True)
    counts = np.array([relevant_to(vector, items, relevance).sum() for vector in vectors], dtype=np.int64)
    return counts[inverse.reshape(-1)]
