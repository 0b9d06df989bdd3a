"""Every ranking metric against its definition as a loop over one ranking, over all orders of ties."""

import math
from collections.abc import Callable, Iterator
from itertools import combinations, product

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from robusthash.hashing import pack
from robusthash.metrics import DistanceHistograms, Relevance, Scores, distance_histograms, random_floor, worst_floor
from robusthash.metrics.floors import best_ceiling
from robusthash.metrics.ranking import (
    Denominator,
    average_precision,
    average_precision_of_first_relevant,
    average_precision_of_hits,
    precision_at,
    precision_within,
)
from robusthash.metrics.ties import reciprocal_sum

Buckets = list[tuple[int, int]]  # (items, relevant items) at each distance
Ranking = list[int]  # 1 is relevant


def average(ranking: Ranking, divisor: int) -> float:
    hits, total = 0, 0.0
    for place, hit in enumerate(ranking, start=1):
        if hit:
            hits += 1
            total += hits / place
    return total / divisor if divisor else 0.0


def loop_map(ranking: Ranking, k: int) -> float:
    return average(ranking[:k], min(k, sum(ranking)))


def loop_trec(ranking: Ranking, k: int) -> float:
    return average(ranking[:k], sum(ranking))


def loop_prosgan(ranking: Ranking, k: int) -> float:
    return average(ranking[:k], sum(ranking[:k]))


def loop_dhta(ranking: Ranking, k: int) -> float | None:
    return average(ranking[:k], sum(ranking[:k])) if any(ranking[:k]) else None


def loop_fpad(ranking: Ranking, m: int) -> float:
    places = [place for place, hit in enumerate(ranking, start=1) if hit][:m]
    return sum(count / place for count, place in enumerate(places, start=1)) / len(places) if places else 0.0


def loop_precision(ranking: Ranking, k: int) -> float:
    return sum(ranking[:k]) / k


PROTOCOLS: dict[str, tuple[Callable[[Ranking, int], float | None], Callable[[DistanceHistograms, int], Scores]]] = {
    "map@k": (loop_map, average_precision),
    "trec@k": (loop_trec, lambda found, k: average_precision(found, k, Denominator.RELEVANT)),
    "prosgan@k": (loop_prosgan, average_precision_of_hits),
    "dhta@k": (loop_dhta, lambda found, k: average_precision_of_hits(found, k, exclude_zero_hits=True)),
    "fpad@m": (loop_fpad, average_precision_of_first_relevant),
    "precision@k": (loop_precision, precision_at),
}
every_protocol = pytest.mark.parametrize(("loop", "metric"), PROTOCOLS.values(), ids=PROTOCOLS.keys())


def histograms(*queries: Buckets) -> DistanceHistograms:
    counts = np.array(queries, np.int64)
    return DistanceHistograms(items=counts[:, :, 0], relevant=counts[:, :, 1], bits=counts.shape[1] - 1)


def orders(buckets: Buckets) -> Iterator[Ranking]:
    """All distinct orders of the ties, each as likely as any other."""
    parts = [[[int(j in hits) for j in range(n)] for hits in combinations(range(n), r)] for n, r in buckets]
    for choice in product(*parts):
        yield [hit for part in choice for hit in part]


def shuffled(buckets: Buckets, random: np.random.Generator) -> Ranking:
    parts = [random.permutation([1] * r + [0] * (n - r)) for n, r in buckets]
    return [int(hit) for part in parts for hit in part]


bucket = st.integers(0, 5).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@every_protocol
@given(buckets=st.lists(bucket, min_size=3, max_size=3), k=st.integers(1, 16))
@example(buckets=[(0, 0), (5, 1), (0, 0)], k=2)
@example(buckets=[(1, 1), (5, 5), (5, 0)], k=3)
@example(buckets=[(5, 0), (5, 0), (0, 0)], k=3)
@settings(max_examples=150, deadline=None)
def test_equals_the_loop_over_all_orders(
    loop: Callable[[Ranking, int], float | None],
    metric: Callable[[DistanceHistograms, int], Scores],
    buckets: Buckets,
    k: int,
) -> None:
    values = [loop(order, k) for order in orders(buckets)]
    kept = np.array([value for value in values if value is not None] or [0.0])
    scores = metric(histograms(buckets), k)
    assert scores.expected[0] == pytest.approx(kept.mean(), abs=1e-12)
    assert scores.worst[0] == pytest.approx(kept.min(), abs=1e-12)
    assert scores.best[0] == pytest.approx(kept.max(), abs=1e-12)
    assert scores.counted[0] == pytest.approx(sum(value is not None for value in values) / len(values), abs=1e-12)


@every_protocol
@given(ranking=st.lists(st.integers(0, 1), min_size=1, max_size=30), k=st.integers(1, 35))
@settings(max_examples=60, deadline=None)
def test_without_ties_equals_the_loop(
    loop: Callable[[Ranking, int], float | None],
    metric: Callable[[DistanceHistograms, int], Scores],
    ranking: Ranking,
    k: int,
) -> None:
    scores = metric(histograms([(1, hit) for hit in ranking]), k)
    value = loop(ranking, k)
    for part in (scores.expected, scores.worst, scores.best):
        assert part[0] == pytest.approx(value or 0.0, abs=1e-12)
    assert scores.counted[0] == (value is not None)


@every_protocol
@pytest.mark.parametrize("k", [10, 50, 180])
def test_equals_the_mean_of_sampled_orders(
    loop: Callable[[Ranking, int], float | None], metric: Callable[[DistanceHistograms, int], Scores], k: int
) -> None:
    random = np.random.Generator(np.random.Philox(k))
    buckets = [(3, 1), (40, 12), (90, 20), (0, 0), (70, 1)]
    drawn = [loop(shuffled(buckets, random), k) for _ in range(3000)]
    sample = np.array([value for value in drawn if value is not None])
    scores = metric(histograms(buckets), k)
    error = sample.std(ddof=1) / math.sqrt(len(sample))
    assert abs(sample.mean() - scores.expected[0]) <= 4.5 * error + 1e-12
    assert scores.worst[0] - 1e-12 <= sample.min() <= sample.max() <= scores.best[0] + 1e-12


@pytest.mark.parametrize("bits", [12, 20, 31, 48, 64, 77, 128])
def test_map_of_random_codes_equals_the_sum_over_places(bits: int) -> None:
    random = torch.Generator().manual_seed(bits)
    queries, items = (torch.randint(0, 2, (n, bits), generator=random) * 2 - 1 for n in (5, 400))
    labels = [torch.nn.functional.one_hot(torch.randint(0, 4, (n,), generator=random), 4) for n in (5, 400)]
    found = distance_histograms(pack(queries), pack(items), *labels, bits=bits)
    wanted = []
    for query, label in zip(queries, labels[0], strict=True):
        distances, relevant = (query != items).sum(1), (label & labels[1]).any(1)
        terms, i, s = [], 0, 0
        for distance in range(bits + 1):
            n, r = int((distances == distance).sum()), int(relevant[distances == distance].sum())
            terms += [r / n * (s + 1 + (j - 1) * (r - 1) / max(n - 1, 1)) / (i + j) for j in range(1, n + 1)]
            i, s = i + n, s + r
        wanted.append(math.fsum(terms) / s)
    scores = average_precision(found)
    np.testing.assert_allclose(scores.expected, wanted, rtol=0, atol=1e-12)
    assert (scores.worst < scores.expected).all()
    assert (scores.expected < scores.best).all()
    for other in (
        average_precision(found, 400),
        average_precision_of_hits(found),
        average_precision_of_hits(found, 500),
    ):
        np.testing.assert_allclose(other.expected, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(average_precision_of_first_relevant(found, 400).expected, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("items", "relevant", "contribution"), [(2, 1, 0.75), (3, 2, 1.6111)])
def test_worked_examples(items: int, relevant: int, contribution: float) -> None:
    scores = average_precision(histograms([(items, relevant), (0, 0)]))
    assert scores.expected[0] * relevant == pytest.approx(contribution, abs=1e-4)


def test_one_more_hit_can_lower_the_score_over_hits() -> None:
    with_hit, without = histograms([(1, 1), (1, 0), (1, 1)]), histograms([(1, 1), (1, 0), (1, 0)])
    assert average_precision_of_hits(with_hit, 3).expected[0] == pytest.approx(5 / 6)
    assert average_precision_of_hits(without, 3).expected[0] == pytest.approx(1.0)


def test_no_relevant_item_scores_zero_and_is_reported() -> None:
    found = histograms([(4, 0), (3, 0)], [(4, 2), (3, 3)])
    for metric in (average_precision, average_precision_of_hits):
        scores = metric(found)
        assert scores.expected[0] == scores.worst[0] == scores.best[0] == 0
        assert scores.conventional.tolist() == [True, False]
        assert scores.mean() == pytest.approx(scores.expected[1] / 2)
    left_out = average_precision_of_hits(found, exclude_zero_hits=True)
    assert left_out.counted.tolist() == [0, 1]
    assert left_out.mean() == pytest.approx(left_out.expected[1])
    none = average_precision_of_hits(histograms([(4, 0), (3, 0)]), exclude_zero_hits=True)
    assert none.mean() == none.mean("worst") == none.mean("best") == 0


@every_protocol
def test_no_queries_have_no_scores(
    loop: Callable[[Ranking, int], float | None], metric: Callable[[DistanceHistograms, int], Scores]
) -> None:
    none = np.zeros((0, 9), np.int64)
    scores = metric(DistanceHistograms(items=none, relevant=none, bits=8), 5)
    assert scores.expected.shape == scores.counted.shape == (0,)
    assert scores.mean() == 0


@every_protocol
@pytest.mark.parametrize("k", [3, 40, 300])
def test_queries_do_not_disturb_each_other(
    loop: Callable[[Ranking, int], float | None], metric: Callable[[DistanceHistograms, int], Scores], k: int
) -> None:
    random = np.random.Generator(np.random.Philox(k))
    items = random.integers(0, 60, (9, 7)) * random.integers(0, 2, (9, 7))
    relevant = random.binomial(items, random.random((9, 1)))
    together = metric(DistanceHistograms(items=items, relevant=relevant, bits=6), k)
    for row in range(9):
        alone = metric(DistanceHistograms(items=items[row, None], relevant=relevant[row, None], bits=6), k)
        for name in ("expected", "worst", "best", "counted", "conventional"):
            assert getattr(together, name)[row] == pytest.approx(getattr(alone, name)[0], abs=1e-12), name
    if loop is not loop_dhta:
        assert together.counted.tolist() == [1.0] * 9, "whoever is not left out weighs exactly 1"


@every_protocol
def test_a_query_is_a_convention_where_nothing_is_relevant_and_nowhere_else(
    loop: Callable[[Ranking, int], float | None], metric: Callable[[DistanceHistograms, int], Scores]
) -> None:
    found = histograms([(4, 0), (3, 0)], [(4, 1), (3, 0)], [(4, 1), (3, 1)], [(4, 4), (3, 3)])
    assert metric(found, 7).conventional.tolist() == [True, False, False, False]


def test_hits_that_no_order_brings_before_the_cut_are_a_convention_too() -> None:
    found = histograms([(4, 0), (3, 3)], [(4, 1), (3, 3)])
    assert average_precision_of_hits(found, 4).conventional.tolist() == [True, False]
    assert average_precision(found, 4).conventional.tolist() == [False, False]


def test_an_empty_ball_scores_zero_and_is_reported() -> None:
    found = histograms([(0, 0), (0, 0), (0, 0), (9, 9)], [(1, 1), (0, 0), (3, 1), (9, 9)])
    scores = precision_within(found, 2)
    assert scores.expected.tolist() == scores.worst.tolist() == scores.best.tolist() == [0, 0.5]
    assert scores.conventional.tolist() == [True, False]
    assert scores.n_conventional == 1
    assert scores.mean() == 0.25
    lonely = precision_within(histograms([(1, 1), (0, 0)], [(2, 1), (5, 0)]), 0)
    assert lonely.expected.tolist() == [1.0, 0.5]
    assert lonely.counted.tolist() == [1.0, 1.0]
    assert precision_within(found, 9).expected.tolist() == [1, 11 / 13]


def test_torchmetrics_agrees_without_ties() -> None:
    functional = pytest.importorskip("torchmetrics.functional.retrieval", reason="torchmetrics is not installed")
    random = np.random.Generator(np.random.Philox(0))
    ranking = random.integers(0, 2, 40)
    # Positive scores only: it takes an item whose score is 0 or less for irrelevant.
    scores, target = torch.arange(40, 0, -1) / 40, torch.from_numpy(ranking).bool()
    found = histograms([(1, int(hit)) for hit in ranking])
    assert average_precision(found).mean() == pytest.approx(
        float(functional.retrieval_average_precision(scores, target))
    )
    for k in (1, 7, 30):
        oracle = float(functional.retrieval_average_precision(scores, target, top_k=k))
        assert average_precision_of_hits(found, k).mean() == pytest.approx(oracle)
        oracle = float(functional.retrieval_precision(scores, target, top_k=k))
        assert precision_at(found, k).mean() == pytest.approx(oracle)


@pytest.mark.parametrize("m", [1, 20, 59, 60])
def test_first_relevant_in_a_large_bucket(m: int) -> None:
    before, n, r = 30, 1500, 60
    orders_of_all = math.comb(n, r)
    terms = [
        j / (before + x) * (math.comb(x - 1, j - 1) * math.comb(n - x, r - j) / orders_of_all)
        for j in range(1, m + 1)
        for x in range(j, n - r + j + 1)
    ]
    found = histograms([(before, 0), (n, r)])
    assert average_precision_of_first_relevant(found, m).expected[0] == pytest.approx(math.fsum(terms) / m, rel=1e-11)


@given(seed=st.integers(0, 10_000), k=st.integers(1, 3000))
@settings(max_examples=40, deadline=None)
def test_expectation_lies_between_worst_and_best(seed: int, k: int) -> None:
    random = np.random.Generator(np.random.Philox(seed))
    items = random.integers(0, 1000, (6, 9)) * random.integers(0, 2, (6, 9))
    found = DistanceHistograms(items=items, relevant=random.binomial(items, random.random((6, 1)) ** 3), bits=8)
    for _, metric in PROTOCOLS.values():
        scores = metric(found, k)
        assert (scores.worst <= scores.expected + 1e-12).all()
        assert (scores.expected <= scores.best + 1e-12).all()
        assert ((scores.worst >= 0) & (scores.best <= 1 + 1e-12)).all()


@pytest.mark.parametrize("before", [0, 5, 63, 64, 65, 1000, 10**6, 10**9])
@pytest.mark.parametrize("count", [0, 1, 2, 60, 5000])
def test_reciprocal_sum(before: int, count: int) -> None:
    wanted = math.fsum(1 / (before + j) for j in range(1, count + 1))
    assert reciprocal_sum(np.array(before), np.array(count)) == pytest.approx(wanted, rel=4e-15, abs=0)


def test_large_databases_keep_their_precision() -> None:
    n, r = 1_000_000, 100_000
    random = random_floor(np.ones((1, 1)), np.arange(n)[:, None] < r, relevance=Relevance.SHARE_ANY)
    wanted = math.fsum(r / n * (1 + (j - 1) * (r - 1) / (n - 1)) / j for j in range(1, n + 1)) / r
    assert random == pytest.approx(wanted, abs=1e-12)
    scores = average_precision_of_hits(histograms([(n, r), (0, 0)]), 5000)
    assert scores.worst[0] == 0
    harmonic = math.fsum(1 / j for j in range(1, 5001))
    over_hits = (harmonic + (5000 * r / n - 1) / 4999 * (5000 - harmonic)) / 5000  # linear in the number of hits
    assert scores.expected[0] == pytest.approx(over_hits, abs=1e-12)
    first = average_precision_of_first_relevant(histograms([(n, r), (0, 0)]), 50).expected[0]
    assert first == pytest.approx(
        average_precision_of_first_relevant(histograms([(n // 100, r // 100), (0, 0)]), 50).expected[0], rel=0.01
    )


def test_floors() -> None:
    queries, items = np.array([[1, 0], [1, 1], [0, 0]]), np.array([[1, 0], [0, 1], [0, 1]])
    share, relevance = [1 / 3 * (1 + 1 / 2 + 1 / 3), 1.0, 0.0], Relevance.SHARE_ANY
    assert random_floor(queries, items, relevance=relevance) == pytest.approx(np.mean(share))
    assert worst_floor(queries, items, relevance=relevance) == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert best_ceiling(queries, items, relevance=relevance) == pytest.approx(2 / 3)
