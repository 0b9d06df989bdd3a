"""Closed forms over the orders of tied items: sums of precision at the hits of one bucket.

A bucket is the ``size`` items at one distance, ``relevant`` of them relevant, with ``before`` items and
``hits_before`` relevant ones at smaller distances. A relevant item at place j of the ranking, the s-th so far,
contributes its precision s / j. The expectation over all orders is that of McSherry and Najork (ECIR 2008). All
functions take arrays that broadcast, of whole numbers, and return float64.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]

_SMALL = 64  #: below this the harmonic numbers come from a table, above from their asymptotic series
_TABLE = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, _SMALL + 1))])
_CELLS = 1 << 19  #: cells of a padded grid held at once
_SPREAD = 40.0  #: a log-concave law has less than exp(1 - 40) of its mass beyond so many standard deviations


def reciprocal_sum(before: Numbers, count: Numbers) -> Floats:
    """``sum of 1 / (before + j) for j = 1 .. count``, to a relative error of about 1e-15 however large ``before`` is.

    >>> reciprocal_sum(np.array([0, 1]), np.array([2, 2])).round(4).tolist()
    [1.5, 0.8333]
    """
    start, stop = np.asarray(before, np.float64), np.asarray(before, np.float64) + count
    small = _TABLE[np.minimum(stop, _SMALL).astype(np.int64)] - _TABLE[np.minimum(start, _SMALL).astype(np.int64)]
    low, high = np.maximum(start, _SMALL) + 1, np.maximum(stop, _SMALL) + 1
    return np.asarray(small + np.log1p((high - low) / low) - (_series(high) - _series(low)))


def _series(x: Floats) -> Floats:
    """``ln(x) - digamma(x)`` for x > 64, where the next term is below 1e-17."""
    square = 1 / (x * x)
    return np.asarray(0.5 / x + square * (1 / 12 - square * (1 / 120 - square / 252)))


def expected_sum(before: Numbers, hits_before: Numbers, size: Numbers, relevant: Numbers, places: Numbers) -> Floats:
    """Expected contribution of the first ``places`` places of a bucket, over all orders of the bucket.

    ``r/n * ((s + 1) A + (r - 1)/(n - 1) * (m - (i + 1) A))`` with ``A = sum of 1/(i + j) for j = 1 .. m``.

    >>> expected_sum(*(np.array(value) for value in (0, 0, 3, 2, 3))).round(4).item()
    1.6111
    """
    n, r = np.asarray(size, np.float64), np.asarray(relevant, np.float64)
    harmonic = reciprocal_sum(before, places)
    others = (r - 1) / np.maximum(n - 1, 1) * (places - (before + 1) * harmonic)
    return np.asarray(r / np.maximum(n, 1) * ((hits_before + 1) * harmonic + others))


def run_sum(before: Numbers, hits_before: Numbers, hits: Numbers) -> Floats:
    """Contribution of ``hits`` relevant items in a row, right after ``before`` items: ``h + (s - i) A``.

    >>> run_sum(np.array(1), np.array(0), np.array(2)).round(4).item()
    1.1667
    """
    return np.asarray(hits + (hits_before - before) * reciprocal_sum(before, hits))


def grids(low: Numbers, high: Numbers) -> Iterator[tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.bool_]]]:
    """All whole numbers from ``low`` to ``high`` of each row, some rows of like length at a time.

    Yields:
        rows: (m,) which rows.
        grid: (m, width) the numbers, float64; shorter rows repeat their last.
        inside: (m, width) bool, False where repeated.
    """
    widths = np.asarray(high - low + 1, np.int64)
    order = np.argsort(-widths, kind="stable")
    start = 0
    while start < len(order):
        width = int(widths[order[start]])
        rows = order[start : start + max(1, _CELLS // width)]
        grid = low[rows, None] + np.arange(width, dtype=np.float64)
        yield rows, np.minimum(grid, high[rows, None]), grid <= high[rows, None]
        start += len(rows)


def hypergeometric(hits: Floats, inside: npt.NDArray[np.bool_], n: Numbers, r: Numbers, m: Numbers) -> Floats:
    """Law of the number of relevant items among the first m of n places, r of the n items being relevant.

    Args:
        hits: (rows, width) consecutive values that cover the support.
        inside: which of them are in it.
        n: (rows, 1) items.
        r: (rows, 1) relevant items.
        m: (rows, 1) places.
    """
    return _law((r - hits) * (m - hits), (hits + 1) * (n - r - m + hits + 1), inside)


def negative_hypergeometric(
    place: Floats, inside: npt.NDArray[np.bool_], n: Numbers, r: Numbers, hit: Numbers
) -> Floats:
    """Law of the place of a hit: where the hit-th relevant item stands among n items, r of them relevant.

    Args:
        place: (rows, width) consecutive values that cover the support, or all of it that matters.
        inside: which of them are in it.
        n: (rows, 1) items.
        r: (rows, 1) relevant items.
        hit: (rows, 1) which relevant item, counted from 1.
    """
    return _law(place * (n - place - r + hit), (place - hit + 1) * (n - place), inside)


def place_window(n: Numbers, r: Numbers, hit: Numbers) -> tuple[Floats, Floats]:
    """First and last place where :func:`negative_hypergeometric` has mass that float64 can see."""
    mean = hit * (n + 1) / (r + 1)
    deviation = np.sqrt(hit * (n - r) * (n + 1.0) * (r + 1 - hit) / ((r + 1.0) ** 2 * (r + 2)))
    reach = np.ceil(_SPREAD * deviation) + 1
    return np.maximum(hit, np.floor(mean) - reach), np.minimum(n - r + hit, np.ceil(mean) + reach)


def _law(above: Floats, below: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    """The law whose successive ratios are ``above / below``: sums of their logs stay exact where factorials do not."""
    steps = np.zeros_like(above)
    later = inside[:, 1:]  # the first is always inside
    steps[:, 1:][later] = np.log(above[:, :-1][later] / below[:, :-1][later])
    logs = np.where(inside, np.cumsum(steps, axis=1), -np.inf)
    mass = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))
