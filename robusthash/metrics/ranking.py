"""Ranking metrics of each query as functions of its ranked counts, exact over all orders of ties.

The expectation over tie orders follows McSherry and Najork, "Computing information retrieval performance measures
efficiently in the presence of tied scores" (ECIR 2008); for denominators that themselves depend on the order, it is
taken over the number of hits (or the place of the last counted one), which determines the denominator.
"""

from collections.abc import Iterator
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from robusthash.metrics import ties
from robusthash.metrics.counting.counts import RankedCounts
from robusthash.metrics.counting.histograms import DistanceHistograms
from robusthash.metrics.scores import Scores

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Denominator(StrEnum):
    """What the sum of precisions within the first k places is divided by."""

    ATTAINABLE = "attainable"  #: min(k, R): a perfect ranking scores 1
    RELEVANT = "relevant"  #: R, all relevant items, as trec_eval does


def average_precision(
    counts: RankedCounts, k: int | None = None, denominator: Denominator = Denominator.ATTAINABLE
) -> Scores:
    """Average precision of the first k places: ``sum of precision at each relevant place / denominator``.

    A query without relevant items scores 0 and is counted, as everywhere in the field.

    Args:
        counts: of the queries.
        k: places; None is the whole database, where both denominators are R.
        denominator: what to divide by.

    >>> tied = RankedCounts(items=np.array([[2, 0]]), relevant=np.array([[1, 0]]))
    >>> average_precision(tied).expected.tolist()
    [0.75]
    """
    total = counts.n_relevant
    divisor = total if k is None or denominator is Denominator.RELEVANT else np.minimum(total, k)
    expected, worst, best = (part.sum(1) / np.maximum(divisor, 1) for part in _sums(counts, _places(counts, k)))
    return Scores(expected=expected, worst=worst, best=best, counted=np.ones(len(total)), conventional=total == 0)


def average_precision_of_hits(counts: RankedCounts, k: int | None = None, *, exclude_zero_hits: bool = False) -> Scores:
    """Average precision over the relevant items found within the first k places.

    The denominator is the number of hits, so the order of ties moves it too. Given h hits in the places of the tied
    bucket that k cuts, their places are uniform, and what full buckets contribute does not depend on h::

        E[AP] = sum over h of P(h) * (E[full buckets] + E[cut bucket | h]) / (hits before + h)

    with P(h) hypergeometric. Worst and best are over h as well: one more hit at the end can lower this score.

    Args:
        counts: of the queries.
        k: places; None is the whole database.
        exclude_zero_hits: leave out of the mean the orders in which a query has no hit. Its expected, worst and best
            values are then over the orders with a hit, and it weighs the probability of such an order: the mean is the
            expected sum of scores over the expected number of queries kept. Otherwise zero hits score 0.
    """
    places = _places(counts, k)
    full = places == counts.items
    sums = [np.where(full, part, 0.0).sum(1) for part in _sums(counts, places)]
    i, s = _picked(full, counts.items, counts.relevant)
    n, r, m = _picked(~full & (places > 0), counts.items, counts.relevant, places)
    low, high = np.maximum(0, m - (n - r)), np.minimum(m, r)
    values = np.zeros((3, len(n)))
    kept = np.ones(len(n))
    for rows, h, inside in ties.grids(low, high):
        before, hits_before, size, relevant, cut = (part[rows, None] for part in (i, s, n, r, m))
        expected, worst, best = (part[rows, None] for part in sums)
        law = ties.hypergeometric(h, inside, size, relevant, cut)
        hits = hits_before + h
        divisor = np.maximum(hits, 1)
        mean = (expected + ties.expected_sum(before, hits_before, cut, h, cut)) / divisor
        last = (worst + ties.run_sum(before + cut - h, hits_before, h)) / divisor
        first = (best + ties.run_sum(before, hits_before, h)) / divisor
        scored = inside & (hits > 0) if exclude_zero_hits else inside
        probability = np.where(scored, law, 0.0).sum(1)
        values[0, rows] = np.where(scored, law * mean, 0.0).sum(1) / np.where(probability > 0, probability, 1.0)
        values[1, rows] = np.where(scored, last, np.inf).min(1)
        values[2, rows] = np.where(scored, first, -np.inf).max(1)
        kept[rows] = probability if exclude_zero_hits else 1.0
    never = s + high == 0
    values[:, never] = 0.0
    kept[never] = 0.0 if exclude_zero_hits else 1.0
    expected, worst, best = values
    return Scores(expected=expected, worst=worst, best=best, counted=kept, conventional=never)


def average_precision_of_first_relevant(counts: RankedCounts, m: int) -> Scores:
    """Average precision over the first ``min(m, R)`` relevant items, wherever they rank.

    In the bucket that holds the last counted one, say its h-th of r relevant items, that item's place y follows the
    negative hypergeometric law, and the h - 1 before it are uniform over the y - 1 places before::

        E = sum over y of P(y) * (E[first y - 1 places with h - 1 hits] + (hits before + h) / (before + y))

    Args:
        counts: of the queries.
        m: relevant items to count.
    """
    total = counts.n_relevant
    counted = np.minimum(m, total)
    full = counts.hits_before + counts.relevant <= counted[:, None]
    expected, worst, best = (np.where(full, part, 0.0).sum(1) for part in _sums(counts, counts.items))
    partial = ~full & (counts.hits_before < counted[:, None])
    i, s, n, r = _picked(partial, counts.before, counts.hits_before, counts.items, counts.relevant)
    h = np.where(partial.any(1), counted - s, 0)
    worst += ties.run_sum(i + n - r, s, h)
    best += ties.run_sum(i, s, h)
    cases, which = np.unique(np.stack([i, s, n, r, h], axis=1), axis=0, return_inverse=True)
    expected += _expected_first_hits(cases)[which.reshape(-1)]
    expected, worst, best = (part / np.maximum(counted, 1) for part in (expected, worst, best))
    return Scores(expected=expected, worst=worst, best=best, counted=np.ones(len(total)), conventional=total == 0)


def precision_at(counts: RankedCounts, k: int) -> Scores:
    """Share of relevant items among the first k places; places beyond the end of the database count as irrelevant.

    Args:
        counts: of the queries.
        k: places.
    """
    places = _places(counts, k)
    low = np.maximum(0, places - (counts.items - counts.relevant))
    high = np.minimum(places, counts.relevant)
    mean = places * counts.relevant / np.maximum(counts.items, 1)
    expected, worst, best = (part.sum(1) / k for part in (mean, low, high))
    none = counts.n_relevant == 0
    return Scores(expected=expected, worst=worst, best=best, counted=np.ones(len(none)), conventional=none)


def precision_within(histograms: DistanceHistograms, radius: int) -> Scores:
    """Share of relevant items among those at distance ``radius`` or less. Ties do not matter.

    A query with an empty ball scores 0, is counted, and is marked as a convention.

    Args:
        histograms: of the queries.
        radius: of the Hamming ball, its surface included.
    """
    items = histograms.items[:, : radius + 1].sum(1)
    share = histograms.relevant[:, : radius + 1].sum(1) / np.maximum(items, 1)
    return Scores(expected=share, worst=share, best=share, counted=np.ones(len(share)), conventional=items == 0)


def random_average_precision(relevant: Ints, items: Ints) -> Floats:
    """Expected average precision of a random ranking: one bucket that holds the whole database.

    Args:
        relevant: (q,) relevant items of each query.
        items: (q,) size of the database.

    >>> random_average_precision(np.array([1]), np.array([2])).tolist()
    [0.75]
    """
    zero = np.zeros_like(relevant)
    return np.asarray(ties.expected_sum(zero, zero, items, relevant, items) / np.maximum(relevant, 1))


def worst_average_precision(relevant: Ints, items: Ints) -> Floats:
    """Average precision with every irrelevant item first: the lowest that any codes can score.

    Args:
        relevant: (q,) relevant items of each query.
        items: (q,) size of the database.

    >>> worst_average_precision(np.array([1]), np.array([4])).round(9).tolist()
    [0.25]
    """
    zero = np.zeros_like(relevant)
    return np.asarray(ties.run_sum(items - relevant, zero, relevant) / np.maximum(relevant, 1))


def _places(counts: RankedCounts, k: int | None) -> Ints:
    """How many places of each bucket are among the first k of the ranking: (queries, buckets)."""
    return counts.items if k is None else np.clip(k - counts.before, 0, counts.items)


def _sums(counts: RankedCounts, places: Ints) -> Iterator[Floats]:
    """Contribution of the first ``places`` places of each bucket: expected, worst, best; (queries, buckets) each."""
    before, hits_before, relevant = counts.before, counts.hits_before, counts.relevant
    last = np.maximum(0, places - (counts.items - relevant))
    yield ties.expected_sum(before, hits_before, counts.items, relevant, places)
    yield ties.run_sum(before + places - last, hits_before, last)
    yield ties.run_sum(before, hits_before, np.minimum(places, relevant))


def _picked(where: npt.NDArray[np.bool_], *parts: Ints) -> list[Ints]:
    """Each part summed over the buckets named, (queries,): of one bucket a query, or 0 where there is none."""
    return [np.where(where, part, 0).sum(1) for part in parts]


def _expected_first_hits(cases: Ints) -> Floats:
    """Expected contribution of the first ``hit`` relevant items of a bucket.

    Args:
        cases: (c, 5), items before, hits before, size, relevant, hit; 0 hits contribute nothing.
    """
    total = np.zeros(len(cases))
    some = np.flatnonzero(cases[:, 4])
    i, s, n, r, hit = cases[some].T
    for rows, place, inside in ties.grids(*ties.place_window(n, r, hit)):
        before, hits_before, size, relevant, last = (part[rows, None] for part in (i, s, n, r, hit))
        law = ties.negative_hypergeometric(place, inside, size, relevant, last)
        earlier = ties.expected_sum(before, hits_before, place - 1, last - 1, place - 1)
        total[some[rows]] = (law * (earlier + (hits_before + last) / (before + place))).sum(1)
    return total
