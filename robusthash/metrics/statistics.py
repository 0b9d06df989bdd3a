"""How sure a mean over queries is, and whether two of them differ."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
_BLOCK = 200  #: resamples at a time


def bootstrap_interval(
    values: np.ndarray, *, weights: np.ndarray | None = None, seed: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of a weighted mean over queries (Efron, Annals of Statistics 1979).

    Args:
        values: (queries,) float.
        weights: (queries,) float, how much each query counts; None is all alike.
        seed: of the resampling.
        confidence: share of the resampled means inside the interval.

    Returns:
        Its lower and upper end; (0, 0) without queries that count.
    """
    weights = np.ones(len(values)) if weights is None else weights
    if not weights.sum():
        return 0.0, 0.0
    draw = np.random.Generator(np.random.Philox(key=seed))
    means = []
    for _ in range(RESAMPLES // _BLOCK):
        rows = draw.integers(0, len(values), size=(_BLOCK, len(values)))
        total = weights[rows].sum(axis=1)
        means.append(np.divide((values * weights)[rows].sum(axis=1), total, out=np.zeros(_BLOCK), where=total > 0))
    low, high = np.quantile(np.concatenate(means), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sets of per-query scores over the same queries.

    Attributes:
        difference: mean of left minus right.
        low: lower end of its 95 % bootstrap interval.
        high: upper end.
        p_value: of a paired randomisation test, two-sided.
    """

    difference: float
    low: float
    high: float
    p_value: float


def compare_paired(left: np.ndarray, right: np.ndarray, *, seed: int) -> Comparison:
    """Paired comparison of two per-query scores: bootstrap interval and sign-flip randomisation test.

    Args:
        left: (queries,) float.
        right: (queries,) float, of the same queries.
        seed: of the resampling.
    """
    difference = left - right
    observed = abs(difference.mean())
    draw = np.random.Generator(np.random.Philox(key=seed))
    as_large = 0
    for _ in range(RESAMPLES // _BLOCK):
        signs = draw.integers(0, 2, size=(_BLOCK, len(difference))) * 2 - 1
        as_large += int((np.abs((signs * difference).mean(axis=1)) >= observed - 1e-15).sum())
    low, high = bootstrap_interval(difference, seed=seed)
    return Comparison(difference=float(difference.mean()), low=low, high=high, p_value=(as_large + 1) / (RESAMPLES + 1))
