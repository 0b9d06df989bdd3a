"""The interval, Holm's correction and the number of queries, on numbers whose truth is known. Seeds are fixed."""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from robusthash.results.gate.statistics import Drops, detectable, holm, quantile, queries_to_decide, tail

SEEDS = 1000
LEVEL = 0.05  #: both sides of a 95 % interval together
SIDE = quantile(LEVEL / 2)
TOLERANCE = 0.02

Draw = Callable[[np.random.Generator, int, float], np.ndarray]


def _normal(random: np.random.Generator, n: int, drop: float) -> np.ndarray:
    """As between two trainings of one recipe: most queries move a little, both ways."""
    return random.normal(drop, 0.15, n)


def _rare(random: np.random.Generator, n: int, drop: float) -> np.ndarray:
    """Most queries are as before, and a few are lost, or won."""
    return np.where(random.random(n) < abs(drop) / 0.4, math.copysign(0.4, drop), 0.0)


def _mixed(random: np.random.Generator, n: int, drop: float) -> np.ndarray:
    """Many drop a little and some gain much: skewed the other way."""
    return np.where(random.random(n) < 0.1, -random.exponential(0.2, n), random.exponential(0.02 / 0.9, n)) + drop


def _ap(random: np.random.Generator, n: int, drop: float) -> np.ndarray:
    """Differences of average precisions, each in 0 to 1, of queries that are easy or hard for both models."""
    hard = random.beta(0.5, 0.5, n)
    before, after = (np.clip(hard + random.normal(0, 0.1, n), 0, 1) for _ in range(2))
    return before - after + drop


FAMILIES: tuple[Draw, ...] = (_normal, _rare, _mixed, _ap)


@pytest.mark.parametrize(("draw", "n"), list(product(FAMILIES, (100, 300))))
def test_a_drop_at_the_tolerance_fails_at_most_at_the_level_and_passes_no_more_often(draw: Draw, n: int) -> None:
    random = np.random.default_rng(0)
    scores = [Drops.of(draw(random, n, TOLERANCE).tolist()).surprise(TOLERANCE) for _ in range(SEEDS)]
    assert sum(score > SIDE for score in scores) <= LEVEL * SEEDS
    assert sum(score < -SIDE for score in scores) <= LEVEL * SEEDS


@pytest.mark.parametrize("draw", FAMILIES)
def test_a_drop_within_the_tolerance_hardly_ever_fails(draw: Draw) -> None:
    random = np.random.default_rng(0)
    scores = [Drops.of(draw(random, 200, TOLERANCE / 2).tolist()).surprise(TOLERANCE) for _ in range(SEEDS)]
    assert sum(score > SIDE for score in scores) <= 0.01 * SEEDS


def test_twenty_rules_together_fail_by_mistake_at_most_at_the_level() -> None:
    random = np.random.default_rng(0)
    failed = plain = 0
    for _ in range(SEEDS):
        scores = [Drops.of(random.normal(TOLERANCE, 0.15, 100).tolist()).surprise(TOLERANCE) for _ in range(20)]
        failed += max(scores) > holm(scores, LEVEL / 2)
        plain += max(scores) > SIDE
    assert failed <= LEVEL * SEEDS
    assert plain > 0.3 * SEEDS  # what the correction is for


def test_the_drop_that_is_called_detectable_is_detected_four_times_in_five() -> None:
    random = np.random.default_rng(0)
    known = Drops.of(random.normal(0, 0.15, 300).tolist())
    drop = detectable(known, TOLERANCE, failing=SIDE)
    assert drop is not None
    found = sum(Drops.of(random.normal(drop, 0.15, 300).tolist()).surprise(TOLERANCE) > SIDE for _ in range(SEEDS))
    assert 0.75 <= found / SEEDS <= 0.85


@pytest.mark.parametrize(("n", "least"), [(300, 0.6), (1000, 0.95)])
def test_a_drop_of_twice_the_tolerance_is_found(n: int, least: float) -> None:
    random = np.random.default_rng(0)
    found = sum(
        Drops.of(random.normal(2 * TOLERANCE, 0.15, n).tolist()).surprise(TOLERANCE) > SIDE for _ in range(SEEDS)
    )
    assert found / SEEDS >= least


@pytest.mark.slow
@pytest.mark.parametrize("draw", FAMILIES)
def test_the_number_of_queries_that_would_decide_decides(draw: Draw) -> None:
    """Over true drops from far below the tolerance to as far above; at the tolerance itself, nothing ever decides."""
    random = np.random.default_rng(0)
    asked = decided = 0
    for seed in range(SEEDS):
        true = TOLERANCE * (4 * (seed + 0.5) / SEEDS - 1)
        drops = Drops.of(draw(random, 200, true).tolist())
        if abs(drops.surprise(TOLERANCE)) > SIDE:
            continue
        needed = queries_to_decide(drops, TOLERANCE, failing=SIDE, passing=SIDE)
        assert needed is not None
        assert needed > 200
        asked += 1
        decided += abs(Drops.of(draw(random, needed, true).tolist()).surprise(TOLERANCE)) > SIDE
    assert asked > 100
    assert decided / asked >= 0.8, f"{decided} of {asked}"


drops_lists = st.lists(st.integers(-10_000, 10_000).map(lambda one: one / 10_000), min_size=10, max_size=60)


@given(drops=drops_lists, tolerance=st.floats(0, 0.5), score=st.floats(0.5, 4))
def test_the_interval_excludes_the_tolerance_exactly_where_the_score_says_so(
    drops: list[float], tolerance: float, score: float
) -> None:
    found = Drops.of(drops)
    surprise = found.surprise(tolerance)
    if math.isclose(surprise, score, rel_tol=1e-6) or math.isclose(surprise, -score, rel_tol=1e-6):
        return
    if abs(found.mean - tolerance) < 1e-9:
        return
    assert (found.bound(score) > tolerance) == (surprise > score)
    assert (found.bound(-score) < tolerance) == (surprise < -score)
    assert found.bound(score) <= found.mean + 1e-12
    assert found.bound(-score) >= found.mean - 1e-12


@given(scores=st.lists(st.floats(-5, 8), min_size=1, max_size=12))
def test_holm_rejects_what_its_definition_rejects(scores: list[float]) -> None:
    threshold = holm(scores, 0.025)
    rejected = set()
    for place, i in enumerate(sorted(range(len(scores)), key=lambda i: -scores[i])):
        if tail(scores[i]) >= 0.025 / (len(scores) - place):
            break
        rejected.add(scores[i])
    assert {score for score in scores if score > threshold} == rejected


@pytest.mark.parametrize(("t", "n"), list(product((-4.0, -1.96, -0.3, 0.7, 2.5, 5.0), (20, 100, 1000))))
def test_without_skewness_it_is_the_t_test(t: float, n: int) -> None:
    drops = Drops(mean=0.02 + t * 0.01, error=0.01, skewness=0.0, queries=n)
    assert tail(drops.surprise(0.02)) == pytest.approx(stats.t.sf(t, n - 1), rel=0.02)


def test_the_moments_are_those_of_scipy() -> None:
    values = np.random.default_rng(3).gamma(1.0, 0.1, 50)
    drops = Drops.of(values.tolist())
    assert drops.mean == pytest.approx(values.mean())
    assert drops.error == pytest.approx(stats.sem(values))
    assert drops.skewness == pytest.approx(stats.skew(values))


def test_no_query_that_changed_is_no_drop_however_few_they_are() -> None:
    same = Drops.of([0.0] * 3)
    assert same.equals(0.0)
    assert same.surprise(0.02) == -math.inf
    assert same.bound(SIDE) == same.bound(-SIDE) == 0.0


def test_few_queries_say_nothing() -> None:
    few = Drops.of([0.4, 0.5, 0.45])
    assert few.surprise(0.02) == 0.0
    assert (few.bound(SIDE), few.bound(-SIDE)) == (-1.0, 1.0)


def test_equal_drops_leave_room_for_queries_that_were_not_drawn() -> None:
    lost = Drops.of([1.0] * 50)
    assert lost.surprise(0.02) > 5
    slight = Drops.of([0.03] * 50)
    assert 0 < slight.surprise(0.02) < SIDE
    assert slight.bound(SIDE) < 0.02 < slight.bound(-SIDE)


def test_a_number_of_queries_needs_a_spread() -> None:
    assert queries_to_decide(Drops.of([0.02] * 50), 0.02, failing=SIDE, passing=SIDE) is None
    assert detectable(Drops.of([0.02] * 50), 0.02, failing=SIDE) is None
