"""Average precision whose denominator depends on the order of ties: the field's own variants.

Exact expectations: within the bucket that the cut goes through, the number of relevant items before the cut is
hypergeometric, and given that number their places are uniform; whole buckets before it do not depend on either.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from robusthash.metrics.histograms import DistanceHistograms
from robusthash.metrics.ranking import Buckets, Scores

_TAIL = 14.0  #: standard deviations after which a probability is taken as 0; less than 1e-40


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cut:
    """One query's ranking: the whole buckets before the cut, and the bucket that the cut goes through.

    Attributes:
        n: items in the bucket.
        r: relevant ones.
        i: items before it.
        s: relevant ones before it.
        m: places of it before the cut.
        before: expected, worst and best sum of precisions of the whole buckets before.
    """

    n: int
    r: int
    i: int
    s: int
    m: int
    before: tuple[float, float, float]


def over_hits(histograms: DistanceHistograms, k: int, *, skip_misses: bool) -> Scores:
    """Average precision over the relevant items among the first k, divided by how many those are.

    Args:
        histograms: of the queries.
        k: places that count.
        skip_misses: leave a query without a relevant item among the first k out of the mean; else it scores 0. A query
            that has one in some orders of its ties only counts with the probability of those, and its score is the
            expectation over them.
    """
    buckets = Buckets.of(histograms, k)
    log_factorial = _log_factorials(buckets)
    rows = np.zeros((4, len(histograms.items)))
    for query, cut in enumerate(_cuts(buckets)):
        hits = np.arange(max(0, cut.m - (cut.n - cut.r)), min(cut.r, cut.m) + 1)
        probability = _hypergeometric(hits, cut, log_factorial)
        found = cut.s + hits
        harmonic = buckets.harmonic
        expected, worst, best = (
            np.divide(before + part, found, out=np.zeros(len(hits)), where=found > 0)
            for before, part in zip(
                cut.before,
                (_uniform(hits, cut, harmonic), _last(hits, cut, harmonic), _first(hits, cut, harmonic)),
                strict=True,
            )
        )
        some = found > 0
        chance = float(probability[some].sum())
        if skip_misses:
            mean = float((probability * expected)[some].sum() / chance) if chance else 0.0
            low, high = (worst[some].min(), best[some].max()) if some.any() else (0.0, 0.0)
            rows[:, query] = mean, low, high, chance
        else:
            rows[:, query] = (probability * expected).sum(), worst.min(), best.max(), 1.0
    return Scores(expected=rows[0], worst=rows[1], best=rows[2], counted=rows[3])


def over_first_relevant(histograms: DistanceHistograms, count: int) -> Scores:
    """Mean precision at the first min(count, R) relevant items, wherever they rank.

    Args:
        histograms: of the queries.
        count: relevant items that count. A query without any relevant item scores 0.
    """
    buckets = Buckets.of(histograms)
    log_factorial = _log_factorials(buckets)
    wanted = np.minimum(count, buckets.total)
    sums = np.stack([buckets.expected(), buckets.worst(), buckets.best()])
    whole = (buckets.s + buckets.r <= wanted[:, None]) & (buckets.r > 0)
    scores = np.where(whole, sums, 0.0).sum(axis=2)
    for query, need in enumerate(wanted):
        split = (buckets.s[query] < need) & (need < buckets.s[query] + buckets.r[query])
        for bucket in np.flatnonzero(split):
            n, r, i, s = (int(part[query, bucket]) for part in (buckets.n, buckets.r, buckets.i, buckets.s))
            ranks = np.arange(1, int(need) - s + 1)
            scores[:, query] += (
                _first_expected(n, r, i, s, len(ranks), log_factorial),
                ((s + ranks) / (i + n - r + ranks)).sum(),
                ((s + ranks) / (i + ranks)).sum(),
            )
    scores /= np.maximum(wanted, 1)
    return Scores(expected=scores[0], worst=scores[1], best=scores[2], counted=np.ones(len(wanted)))


def _cuts(buckets: Buckets) -> Iterator[_Cut]:
    sums = np.stack([buckets.expected(), buckets.worst(), buckets.best()], axis=2)
    for query in range(len(buckets.n)):
        counting = np.flatnonzero(buckets.m[query])
        last = int(counting[-1]) if len(counting) else 0
        n, r, i, s, m = (int(part[query, last]) for part in (buckets.n, buckets.r, buckets.i, buckets.s, buckets.m))
        expected, worst, best = sums[query, :last].sum(axis=0).tolist()
        yield _Cut(n=n, r=r, i=i, s=s, m=m, before=(expected, worst, best))


def _uniform(hits: np.ndarray, cut: _Cut, harmonic: np.ndarray) -> np.ndarray:
    inverse = harmonic[cut.i + cut.m] - harmonic[cut.i]
    spread = (hits - 1) / max(cut.m - 1, 1) * (cut.m - (cut.i + 1) * inverse)
    result: np.ndarray = hits / max(cut.m, 1) * ((cut.s + 1) * inverse + spread)
    return result


def _first(hits: np.ndarray, cut: _Cut, harmonic: np.ndarray) -> np.ndarray:
    result: np.ndarray = hits + (cut.s - cut.i) * (harmonic[cut.i + hits] - harmonic[cut.i])
    return result


def _last(hits: np.ndarray, cut: _Cut, harmonic: np.ndarray) -> np.ndarray:
    start = cut.i + cut.m - hits
    result: np.ndarray = hits + (cut.s - start) * (harmonic[cut.i + cut.m] - harmonic[start])
    return result


def _log_factorials(buckets: Buckets) -> np.ndarray:
    size = int(buckets.n.sum(axis=1).max(initial=0))
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])


def _log_choose(n: np.ndarray | int, k: np.ndarray | int, log_factorial: np.ndarray) -> np.ndarray:
    result: np.ndarray = log_factorial[n] - log_factorial[k] - log_factorial[np.asarray(n) - k]
    return result


def _hypergeometric(hits: np.ndarray, cut: _Cut, log_factorial: np.ndarray) -> np.ndarray:
    """Probability of so many relevant items among m places of a bucket of n items, r relevant."""
    log = (
        _log_choose(cut.r, hits, log_factorial)
        + _log_choose(cut.n - cut.r, cut.m - hits, log_factorial)
        - _log_choose(cut.n, cut.m, log_factorial)
    )
    probability: np.ndarray = np.exp(log)
    return probability / probability.sum()


def _first_expected(n: int, r: int, i: int, s: int, need: int, log_factorial: np.ndarray) -> float:
    """Expected sum of precisions at the first ``need`` of r relevant items, their places uniform among n.

    The j-th relevant item is at place p with the negative hypergeometric probability
    C(p - 1, j - 1) C(n - p, r - j) / C(n, r).
    """
    mean = need * (n + 1) / (r + 1)
    deviation = np.sqrt(need * (r - need + 1) * (n - r) * (n + 1) / ((r + 1) ** 2 * (r + 2)))
    last = min(n, int(mean + _TAIL * deviation) + 1)
    rank = np.arange(1, need + 1)[:, None]
    place = np.arange(1, last + 1)[None, :]
    possible = (place >= rank) & (n - place >= r - rank)
    p, j = np.where(possible, place, rank), np.broadcast_to(rank, possible.shape)
    log = (
        _log_choose(p - 1, j - 1, log_factorial)
        + _log_choose(n - p, r - j, log_factorial)
        - _log_choose(n, r, log_factorial)
    )
    probability = np.where(possible, np.exp(log), 0.0)
    return float((probability * (s + rank) / (i + place)).sum())
