"""Metrics of returned lists: by hand, and as those of the exact ranking where nothing is tied or missing."""

import numpy as np
import pytest
import torch

from robusthash.contracts import Distance, Space
from robusthash.errors import UsageError
from robusthash.metrics import (
    RankingMetric,
    Relevance,
    Returned,
    distance_histograms,
    ranked_counts,
    returned_counts,
    returned_metrics,
)
from robusthash.metrics.protocols import (
    BallPrecision,
    Denominator,
    FirstRelevantMeanAveragePrecision,
    HitsMeanAveragePrecision,
    MeanAveragePrecision,
    TopPrecision,
)
from robusthash.retrieval import TorchRetriever
from robusthash.testing.brute_force import random_items

PLACES: list[RankingMetric] = [
    MeanAveragePrecision(k=5),
    MeanAveragePrecision(k=5, denominator=Denominator.RELEVANT),
    HitsMeanAveragePrecision(k=5),
    HitsMeanAveragePrecision(k=5, exclude_zero_hits=True),
    TopPrecision(k=5),
]
WHOLE: list[RankingMetric] = [
    MeanAveragePrecision(),
    HitsMeanAveragePrecision(),
    FirstRelevantMeanAveragePrecision(m=5),
    BallPrecision(),
]


def by_hand(hits: list[int], total: int, k: int) -> tuple[float, float, float, float]:
    """AP by min(k, R), by R and by hits, and the precision, of a list of k places."""
    found, summed = 0, 0.0
    for place, hit in enumerate(hits, start=1):
        found += hit
        summed += hit * found / place
    return summed / min(k, total), summed / total, summed / max(found, 1), found / k


@pytest.mark.parametrize(
    "ids",
    [[0, 1, 2, 3, 4], [4, 0, 3, 1, 2], [0, 4, -1, -1, -1], [2, 5, 7, 4, 6], [-1, -1, -1, -1, -1]],
    ids=str,
)
def test_a_list_is_scored_as_it_was_returned(ids: list[int]) -> None:
    """An item that is missing is irrelevant, and what is not in the list counts in R alone."""
    relevant = [1, 0, 1, 1, 0, 1, 0, 0, 1]
    labels = torch.tensor([[hit, 1 - hit] for hit in relevant])
    counts = returned_counts(torch.tensor([ids]), torch.tensor([[1, 0]]), labels)
    expected = by_hand([relevant[i] if i >= 0 else 0 for i in ids], sum(relevant), 5)
    metrics = [PLACES[0], PLACES[1], PLACES[2], PLACES[4]]
    for metric, value in zip(metrics, expected, strict=True):
        scores = Returned(metric=metric).per_query(counts)
        for values in (scores.expected, scores.worst, scores.best):
            assert values.tolist() == pytest.approx([value])


@pytest.mark.parametrize("metric", PLACES, ids=lambda metric: metric.name)
@pytest.mark.parametrize("relevance", list(Relevance))
def test_an_exact_index_without_ties_scores_as_its_codes(metric: RankingMetric, relevance: Relevance) -> None:
    """Descriptors are hardly ever tied: the list is the ranking."""
    space = Space(distance=Distance.L2, size=8)
    items, queries = random_items(200, space, seed=1), random_items(20, space, seed=2)
    draw = torch.Generator().manual_seed(3)
    labels = [(torch.rand((n, 3), generator=draw) < 0.4).long() for n in (20, 200)]
    ids = TorchRetriever(device="cpu").index(items, space).search(queries, 5).ids
    lists = Returned(metric=metric).per_query(returned_counts(ids, *labels, relevance=relevance))
    for counts in ranked_counts(queries, items, *labels, space=space, relevance=relevance):
        np.testing.assert_allclose(lists.expected, metric.per_query(counts).expected)


def test_a_list_is_within_the_band_of_ties() -> None:
    space = Space.hamming(8)
    items, queries = random_items(200, space, seed=1), random_items(20, space, seed=2)
    labels = [torch.eye(3, dtype=torch.long)[torch.arange(n) % 3] for n in (20, 200)]
    ids = TorchRetriever(device="cpu").index(items, space).search(queries, 5).ids
    exact = PLACES[0].per_query(distance_histograms(queries, items, *labels, bits=8))
    found = Returned(metric=PLACES[0]).per_query(returned_counts(ids, *labels)).expected
    assert bool((found >= exact.worst - 1e-12).all())
    assert bool((found <= exact.best + 1e-12).all())
    assert bool((found != exact.expected).any())


@pytest.mark.parametrize("metric", WHOLE, ids=lambda metric: metric.name)
def test_what_needs_the_whole_database_is_refused(metric: RankingMetric) -> None:
    with pytest.raises(UsageError, match=f"{metric.name} needs the whole database"):
        Returned(metric=metric)


def test_protocols_are_told_apart() -> None:
    returned, exact = returned_metrics([MeanAveragePrecision(k=100)])
    assert (returned.name, exact.name) == ("returned:map@100", "map@100")
    assert (returned.protocol, exact.protocol) == ("returned:map@100/as-returned/v1", "map@100/tie-expected/v1")
