"""Bootstrap intervals and paired tests: coverage, determinism, exact enumeration."""

from itertools import product

import numpy as np
import pytest

from robusthash.errors import OptionError
from robusthash.metrics import bootstrap_interval, paired_comparison


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_the_interval_is_that_of_the_normal_law_for_many_queries() -> None:
    values = generator(0).random(4000)
    low, high = bootstrap_interval(values, seed=1)
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for trial in range(200):
        low, high = bootstrap_interval(generator(trial).random(60), seed=trial, resamples=400)
        covered += low <= 0.5 <= high
    assert 180 <= covered <= 199  # 190 of 200 in expectation, standard deviation 3


def test_the_same_seed_gives_the_same_interval() -> None:
    values = generator(0).random(50)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values.tolist(), seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)


def test_weights_leave_queries_out() -> None:
    values, weights = np.array([0.2, 0.4, 0.9, 0.9]), np.array([1.0, 1.0, 0.0, 0.0])
    low, high = bootstrap_interval(values, weights=weights, seed=0)
    assert 0.2 <= low < high <= 0.4
    assert bootstrap_interval(values, weights=np.zeros(4), seed=0) == (0.0, 0.0)


def test_the_randomisation_test_approaches_the_enumeration_of_all_signs() -> None:
    first, second = generator(1).random(10) + 0.15, generator(2).random(10)
    gaps = first - second
    sums = np.array([abs(np.dot(signs, gaps)) for signs in product([-1, 1], repeat=10)])
    exact = (sums >= abs(gaps.sum()) - 1e-12).mean()
    found = paired_comparison(first, second, seed=0)
    assert found.difference == pytest.approx(gaps.mean())
    assert found.low < found.difference < found.high
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 10_000) + 1e-4)


def test_p_values_of_equal_systems_are_uniform() -> None:
    values = []
    for trial in range(300):
        random = generator(trial)
        values.append(paired_comparison(random.random(20), random.random(20), seed=trial, rounds=199).p_value)
    assert np.mean(np.array(values) <= 0.2) == pytest.approx(0.2, abs=0.08)
    assert np.mean(values) == pytest.approx(0.5, abs=0.07)


def test_a_clear_difference_is_found_and_never_certain() -> None:
    found = paired_comparison(np.full(40, 0.6), np.full(40, 0.5), seed=0, rounds=999)
    assert found.p_value == 1 / 1000
    swapped = paired_comparison(np.full(40, 0.5), np.full(40, 0.6), seed=0, rounds=999)
    assert swapped.difference == -found.difference
    assert swapped.p_value == found.p_value


def test_misuse_is_refused() -> None:
    with pytest.raises(OptionError, match="level"):
        bootstrap_interval([0.5], seed=0, level=1.0)
    with pytest.raises(OptionError, match="weights"):
        bootstrap_interval([0.5, 0.6], weights=[1.0], seed=0)
    with pytest.raises(OptionError, match="same order"):
        paired_comparison([0.5, 0.6], [0.5], seed=0)
