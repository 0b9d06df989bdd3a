"""Uncertainty of a mean over queries: bootstrap intervals and paired tests, deterministic for a seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from robusthash.errors import OptionError

Floats = npt.NDArray[np.float64]

_CELLS = 1 << 20  #: drawn numbers held at once


@dataclass(frozen=True, kw_only=True)
class PairedComparison:
    """Two systems on the same queries.

    Attributes:
        difference: mean of first minus second.
        low: lower end of its bootstrap interval.
        high: upper end.
        p_value: of the two-sided randomisation test that the two are interchangeable.
    """

    difference: float
    low: float
    high: float
    p_value: float


def bootstrap_interval(
    values: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    seed: int,
    level: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over queries (Efron and Tibshirani 1993, section 13.3).

    Args:
        values: (queries,) one value a query.
        weights: (queries,) weight of each query in the mean, resampled with it; None is all 1.
        seed: of the resampling.
        level: coverage.
        resamples: number of resampled means.

    Returns:
        Lower and upper end; both 0 if no query counts.

    Raises:
        OptionError: ``level`` is not between 0 and 1, or there are no resamples, or shapes differ.

    >>> bootstrap_interval([0.5, 0.5, 0.5], seed=0)
    (0.5, 0.5)
    """
    if not 0 < level < 1 or resamples < 1:
        raise OptionError(f"level {level}, {resamples} resamples", hint="0 < level < 1, at least one resample")
    scores = np.asarray(values, np.float64)
    mass = np.ones_like(scores) if weights is None else np.asarray(weights, np.float64)
    if scores.ndim != 1 or scores.shape != mass.shape:
        raise OptionError(f"values {scores.shape}, weights {mass.shape}", hint="give one of each for every query")
    if not mass.any():
        return 0.0, 0.0
    generator = np.random.Generator(np.random.Philox(seed))
    weighted, means = scores * mass, []
    for rows in _blocks(resamples, len(scores)):
        drawn = generator.integers(len(scores), size=(rows, len(scores)))
        total = mass[drawn].sum(1)
        means.append((weighted[drawn].sum(1) / np.where(total > 0, total, 1.0))[total > 0])
    every = np.concatenate(means)
    low, high = np.quantile(every, [(1 - level) / 2, (1 + level) / 2]) if len(every) else (0.0, 0.0)
    return float(low), float(high)


def paired_comparison(
    first: npt.ArrayLike, second: npt.ArrayLike, *, seed: int, level: float = 0.95, rounds: int = 10_000
) -> PairedComparison:
    """Compares per-query values of two systems: Fisher's randomisation test, and the interval of the difference.

    Under the hypothesis the two systems are interchangeable on each query, so the sign of each difference is a coin.
    ``p = (1 + number of rounds at least as far from 0) / (1 + rounds)``, which is never 0 (Smucker et al., CIKM 2007).

    Args:
        first: (queries,) one value a query.
        second: (queries,) of the same queries in the same order.
        seed: of both.
        level: coverage of the interval.
        rounds: random sign patterns.

    Raises:
        OptionError: the arrays have different shapes or no queries, or ``rounds`` is not positive.

    >>> paired_comparison([0.9, 0.8], [0.9, 0.8], seed=0).p_value
    1.0
    """
    left, right = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if left.ndim != 1 or left.shape != right.shape or not len(left) or rounds < 1:
        raise OptionError(
            f"cannot pair values of shapes {left.shape} and {right.shape} in {rounds} rounds",
            hint="give one value of each system for every query, in the same order",
        )
    gaps = left - right
    generator = np.random.Generator(np.random.Philox(seed))
    # A sum of the same numbers in another order differs in its last bits, and must still count as equal.
    reach = abs(gaps.sum()) - 1e-12 * np.abs(gaps).sum()
    extreme = 0
    for rows in _blocks(rounds, len(gaps)):
        signs = generator.integers(2, size=(rows, len(gaps)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(signs @ gaps) >= reach).sum())
    low, high = bootstrap_interval(gaps, seed=seed, level=level)
    return PairedComparison(difference=float(gaps.mean()), low=low, high=high, p_value=(1 + extreme) / (1 + rounds))


def _blocks(rounds: int, width: int) -> Iterator[int]:
    """Sizes of the blocks that ``rounds`` rows of ``width`` numbers are drawn in."""
    rows = max(1, _CELLS // width)
    for start in range(0, rounds, rows):
        yield min(rows, rounds - start)
