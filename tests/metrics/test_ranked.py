"""Ranked counts of descriptors: those of codes where descriptors are codes, and a sort by distance elsewhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robusthash.contracts import Distance, Space
from robusthash.errors import ContractError, OptionError, UsageError
from robusthash.hashing import pack, unpack
from robusthash.metrics import (
    CORE_METRICS,
    DescriptorCounts,
    DistanceHistograms,
    MeasuredCounts,
    RankedCounts,
    RankingMetric,
    Relevance,
    Scores,
    best_ceiling,
    metrics_of,
    random_floor,
    ranked_counts,
    worst_counts,
    worst_floor,
)
from robusthash.metrics.counting.ranked import _buckets
from robusthash.metrics.protocols import BallPrecision, MeanAveragePrecision
from robusthash.testing.brute_force import random_items, slow_distances
from robusthash.testing.contracts.metrics import made

VECTORS = (Distance.COSINE, Distance.L2)
EVERYWHERE = [metric for spec in CORE_METRICS if not isinstance(metric := made(spec), BallPrecision)]


def labels_of(count: int, classes: int, seed: int) -> torch.Tensor:
    return (torch.rand(count, classes, generator=torch.Generator().manual_seed(seed)) < 0.3).to(torch.uint8)


def scored(metric: RankingMetric, parts: list[MeasuredCounts]) -> Scores:
    return Scores.cat([metric.per_query(counts) for counts in parts])


@pytest.mark.parametrize("distance", VECTORS)
@settings(max_examples=40)
@given(bits=st.sampled_from([4, 16, 64]), seed=st.integers(0, 1000), chunk_bytes=st.integers(1, 100_000))
def test_codes_as_descriptors_score_as_codes(distance: Distance, bits: int, seed: int, chunk_bytes: int) -> None:
    random = torch.Generator().manual_seed(seed)
    codes = [torch.randint(0, 2, (count, bits), generator=random) * 2 - 1 for count in (9, 80)]
    labels = labels_of(9, 4, seed), labels_of(80, 4, seed + 1)
    (histograms,) = ranked_counts(pack(codes[0]), pack(codes[1]), *labels, space=Space.hamming(bits), nearest=5)
    space = Space(distance=distance, size=bits)
    parts = list(
        ranked_counts(codes[0].float(), codes[1].float(), *labels, space=space, nearest=5, chunk_bytes=chunk_bytes)
    )
    assert all(isinstance(part, DescriptorCounts) for part in parts)
    for metric in EVERYWHERE:
        found, wanted = scored(metric, parts), metric.per_query(histograms)
        for name in ("expected", "worst", "best", "counted"):
            np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(found.conventional, wanted.conventional)
    squared = np.concatenate([part.nearest_distances(5) for part in parts])
    share = 4.0 if distance is Distance.L2 else 4 / bits
    np.testing.assert_allclose(squared, share * histograms.nearest_distances(5), atol=1e-6)


@pytest.mark.parametrize("distance", VECTORS)
def test_spread_descriptors_score_as_their_sorted_list(distance: Distance) -> None:
    space = Space(distance=distance, size=12)
    queries, items = random_items(15, space, seed=1), random_items(300, space, seed=2)
    labels = labels_of(15, 5, 3), labels_of(300, 5, 4)
    (counts,) = ranked_counts(queries, items, *labels, space=space, nearest=300)
    table = slow_distances(queries, items, space)
    scores = MeanAveragePrecision().per_query(counts)
    np.testing.assert_array_equal(scores.worst, scores.best)  # no two distances are the same
    for row in range(15):
        hits = (labels[0][row] & labels[1]).any(1)[table[row].argsort()].numpy()
        places = np.flatnonzero(hits) + 1
        wanted = np.mean(np.arange(1, len(places) + 1) / places) if len(places) else 0.0
        assert scores.expected[row] == pytest.approx(wanted, abs=1e-12)
    np.testing.assert_array_equal(counts.n_items, 300)
    np.testing.assert_array_equal(counts.n_relevant, (labels[0][:, None] & labels[1][None]).any(2).sum(1))
    true = counts.comparable(table.sort(dim=1).values.numpy())
    assert (np.abs(counts.nearest_distances(300) - true) <= counts.slack).all()


@pytest.mark.parametrize("relevance", Relevance)
def test_the_batch_changes_no_bit(relevance: Relevance) -> None:
    space = Space(distance=Distance.COSINE, size=9)
    queries, items = random_items(30, space, seed=5), random_items(400, space, seed=6, distinct=300)
    labels = labels_of(30, 3, 7), labels_of(400, 3, 8)
    (whole,) = ranked_counts(queries, items, *labels, space=space, relevance=relevance)
    values = MeanAveragePrecision().per_query(whole).expected
    assert values.any()
    alone = ranked_counts(queries, items, *labels, space=space, relevance=relevance, chunk_bytes=1)
    singles = [MeanAveragePrecision().per_query(counts).expected for counts in alone]
    assert len(singles) == 30
    assert np.concatenate(singles).tobytes() == values.tobytes()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
@pytest.mark.parametrize("distance", VECTORS)
def test_the_gpu_gives_the_same_counts(distance: Distance) -> None:
    space = Space(distance=distance, size=64)
    queries, items = random_items(40, space, seed=9), random_items(5000, space, seed=10, distinct=2000)
    labels = labels_of(40, 70, 11), labels_of(5000, 70, 12)
    (here,) = ranked_counts(queries, items, *labels, space=space, nearest=10)
    (there,) = ranked_counts(queries, items, *labels, space=space, nearest=10, device="cuda")
    np.testing.assert_array_equal(here.items, there.items)
    np.testing.assert_array_equal(here.relevant, there.relevant)
    np.testing.assert_array_equal(here.nearest_distances(10), there.nearest_distances(10))


def test_pure_neighbours_share_a_bucket_and_mixed_ones_do_not() -> None:
    ranks = np.array([[1, 2, 3, 3, 5, 5, 6, 7], [4, 4, 4, 4, 4, 4, 4, 4]], np.uint32)
    hits = np.array([[0, 0, 1, 1, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1, 1]], bool)
    items, found = _buckets(ranks, hits)
    assert items.tolist() == [[2, 2, 2, 2, 0, 0, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0]]
    assert found.tolist() == [[0, 2, 1, 2, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(("queries", "items"), [(0, 5), (3, 0), (0, 0)])
def test_nothing_is_counted_as_nothing(queries: int, items: int) -> None:
    space = Space(distance=Distance.L2, size=2)
    labels = labels_of(queries, 3, 1), labels_of(items, 3, 2)
    (counts,) = ranked_counts(torch.zeros(queries, 2), torch.zeros(items, 2), *labels, space=space)
    assert counts.items.shape[0] == queries
    assert counts.items.sum() == queries * items
    assert MeanAveragePrecision().per_query(counts).expected.shape == (queries,)


@pytest.mark.parametrize("distance", Distance)
def test_the_worst_counts_are_the_worst(distance: Distance) -> None:
    space = Space(distance=distance, size=8)
    labels = labels_of(6, 3, 1), labels_of(50, 3, 2)
    worst = worst_counts(*labels, space=space, relevance=Relevance.SHARE_ANY)
    queries, items = (unpack(random_items(n, Space.hamming(8), seed=n), 8) for n in (6, 50))
    if space.binary:
        assert isinstance(worst, DistanceHistograms)
        queries, items = pack(queries), pack(items)
    else:
        queries, items = queries.float(), items.float()
    (counts,) = ranked_counts(queries, items, *labels, space=space)
    np.testing.assert_array_equal(worst.n_relevant, counts.n_relevant)
    np.testing.assert_array_equal(worst.n_items, 50)
    for metric in EVERYWHERE:
        assert (metric.per_query(worst).expected <= metric.per_query(counts).worst + 1e-12).all()


@pytest.mark.parametrize("distance", Distance)
@pytest.mark.parametrize("relevance", Relevance)
def test_floors_are_scores_of_rankings(distance: Distance, relevance: Relevance) -> None:
    space = Space(distance=distance, size=8)
    labels = labels_of(40, 3, 3), labels_of(50, 3, 4)
    items = random_items(50, space, seed=5)
    average = MeanAveragePrecision()
    # one point in space: the order of ties is all that there is
    (tied,) = ranked_counts(
        items[:1].expand(40, -1), items[:1].expand(50, -1), *labels, space=space, relevance=relevance
    )
    assert 0 < tied.n_relevant.sum() < tied.n_items.sum()
    assert random_floor(*labels, relevance=relevance) == pytest.approx(average.mean(tied), abs=1e-12)
    assert best_ceiling(*labels, relevance=relevance) == pytest.approx(average.per_query(tied).mean("best"), abs=1e-12)
    worst = worst_counts(*labels, space=space, relevance=relevance)
    assert worst_floor(*labels, relevance=relevance) == pytest.approx(average.mean(worst), abs=1e-12)
    assert average.mean(worst) == pytest.approx(average.per_query(tied).mean("worst"), abs=1e-12)


def test_misuse_is_refused() -> None:
    space = Space(distance=Distance.L2, size=2)
    few, labels = torch.zeros(2, 2), torch.ones(2, 3)
    with pytest.raises(OptionError, match="chunk_bytes"):
        next(ranked_counts(few, few, labels, labels, space=space, chunk_bytes=0))
    with pytest.raises(ContractError, match="query labels have shape"):
        next(ranked_counts(few, few, torch.ones(2), labels, space=space))
    with pytest.raises(ContractError, match="database labels have shape"):
        next(ranked_counts(few, few, labels, torch.ones(2, 4), space=space))
    with pytest.raises(ContractError, match="not descriptors of 2 dimensions"):
        next(ranked_counts(torch.zeros(2, 3), few, labels, labels, space=space))
    with pytest.raises(ContractError, match="counts have shapes"):
        RankedCounts(items=np.zeros((1, 2), np.int64), relevant=np.zeros((1, 3), np.int64))


def test_a_metric_of_hamming_radii_exists_in_hamming_space_alone() -> None:
    metrics: dict[str, RankingMetric] = {"map": MeanAveragePrecision(), "precision@r2": BallPrecision(radius=2)}
    vectors = Space(distance=Distance.COSINE, size=8)
    assert metrics_of(Space.hamming(8), metrics, named=True) == (metrics, {})
    kept, reasons = metrics_of(vectors, metrics, named=False)
    assert list(kept) == ["map"]
    assert reasons == {"precision@r2": "precision@r2 is defined by hamming distance, not by cosine"}
    with pytest.raises(UsageError, match="has no precision@r2"):
        metrics_of(vectors, metrics, named=True)
    with pytest.raises(UsageError, match="has no precision@r2"):
        metrics_of(vectors, {"precision@r2": BallPrecision(radius=2)}, named=False)
    one = np.ones((1, 1), np.int64)
    with pytest.raises(UsageError, match="precision@r2 needs Hamming"):
        BallPrecision(radius=2).per_query(RankedCounts(items=one, relevant=one))
