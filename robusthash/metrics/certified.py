"""Certified retrieval of smoothed codes: bits that noise decides beyond doubt, and the lowest AP that they leave.

The certificate of a single bit is that of a binary classifier (Cohen, Rosenfeld and Kolter, "Certified adversarial
robustness via randomized smoothing", ICML 2019, theorem 1); what it means for a vote of a few copies and for a ranking
is derived here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.errors import MissingDependencyError, OptionError
from robusthash.hashing import pack
from robusthash.metrics.counting.counts import RankedCounts
from robusthash.metrics.counting.histograms import distance_histograms
from robusthash.metrics.ranking import average_precision
from robusthash.specs import Relevance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class DeployedVote:
    """The majority of a few noisy copies, which errs now and then about a bit that is nearly undecided.

    Attributes:
        votes: noisy copies, drawn anew in each vote.
        sigma: standard deviation of the noise.
        risk: accepted probability, in each vote on a query, that some bit that counts as fixed is wrong.
    """

    votes: int
    sigma: float
    risk: float

    def errors(self, margins: Floats) -> Floats:
        """How likely the vote is wrong about a bit at most, or does not end.

        A copy has the right bit with a probability of at least ``q = Phi(margin / sigma)``, and the vote is right if
        more than half of its copies are: with at least ``P(Bin(votes, q) > votes / 2)``.

        Args:
            margins: (...) float64, how much farther an input can be moved before noise decides for the other bit.

        >>> even = DeployedVote(votes=3, sigma=1.0, risk=0.01).errors(np.array([0.0, 1.2815515655446004]))
        >>> even.round(9).tolist()  # of three copies that are right half the time, and nine times in ten
        [0.5, 0.028]
        """
        special, most = _scipy(), self.votes // 2
        with np.errstate(over="ignore"):  # of noise that is hardly any, every margin is infinite
            wrong = special.ndtr(-margins / self.sigma)
        # Wrong copies have to be so many: I_p(k, n - k + 1) = P(Bin(n, p) >= k).
        return np.asarray(special.betainc(self.votes - most, most + 1, wrong))

    @property
    def margin(self) -> float:
        """The margin at which a vote about a single bit has the whole risk."""
        special, most = _scipy(), self.votes // 2
        return float(-self.sigma * special.ndtri(special.betaincinv(self.votes - most, most + 1, self.risk)))


@dataclass(frozen=True, kw_only=True, eq=False)
class CertifiedCodes:
    """What votes over noise say of some queries' codes.

    Attributes:
        codes: (queries, bits) int8 in {-1, +1}, the majority of each bit.
        radii: (queries, bits) float64, L2 radius within which noise decides for no other bit; 0 for a bit that the
            votes do not decide.
        deployed: the vote that is certified; None is the ideal one, over all the noise there is.
    """

    codes: npt.NDArray[np.int8]
    radii: Floats
    deployed: DeployedVote | None = None

    @property
    def abstained(self) -> float:
        """Share of the bits that are not certain even of the query itself; they are open at every radius."""
        return float(self.open_at(0.0).mean())

    @property
    def reach(self) -> float:
        """The radius at which the last bit of all queries becomes open; 0 if all are open at any."""
        last = float(self.radii.max())
        return last if self.deployed is None else max(0.0, last - self.deployed.margin)

    def open_at(self, radius: float | Floats) -> npt.NDArray[np.bool_]:
        """(queries, bits), the bits that may be another for some input at this distance or nearer.

        The ideal vote has all others. A deployed one has all of them with a probability above ``1 - risk``: of as many
        bits as possible, those with the largest radii, the probabilities of an error add up to less than the risk
        (Boole's inequality, since the bits of a copy share its noise).

        Args:
            radius: one for all queries, or (queries,).
        """
        margins = self.radii - np.broadcast_to(np.asarray(radius, np.float64), len(self.radii))[:, None]
        if self.deployed is None:
            return ~(margins > 0)  # a distance that is not a number leaves every bit open
        order = np.argsort(-self.radii, axis=1, kind="stable")
        errors = self.deployed.errors(np.take_along_axis(margins, order, axis=1))
        found = np.empty(margins.shape, bool)
        np.put_along_axis(found, order, ~(errors.cumsum(axis=1) < self.deployed.risk), axis=1)
        return found


def certified_codes(
    ones: Ints, samples: int, *, sigma: float, alpha: float, votes: int | None = None
) -> CertifiedCodes:
    """The codes that votes decide, and how far from each query they hold.

    With p the Clopper-Pearson lower bound of the probability of a bit's majority, the ideal bit holds within
    ``sigma * Phi^-1(p)``. Bounds are two-sided, so that one sample finds both majority and bound, and Bonferroni's over
    the bits of a query: all its radii are right with probability ``1 - alpha``.

    A vote of a few copies is certified with half of alpha for the radii, and the other half for what it risks.

    Args:
        ones: (queries, bits) int64, noisy copies of the query whose bit is +1.
        samples: noisy copies of each query.
        sigma: standard deviation of the noise.
        alpha: probability, for a query and a vote on it or on what it was moved to, that a fixed bit is wrong.
        votes: noisy copies of the vote that is certified; None certifies the ideal vote.

    Raises:
        OptionError: a value is outside its range.
        MissingDependencyError: scipy is not installed.

    >>> found = certified_codes(np.array([[1000, 500, 3]]), 1000, sigma=1.0, alpha=0.001)
    >>> found.codes.tolist(), found.radii.round(2).tolist()
    ([[1, 1, -1]], [[2.38, 0.0, 2.16]])
    """
    if samples < 1 or not 0 < alpha < 1 or not sigma > 0 or (votes is not None and votes < 1):
        raise OptionError(
            f"samples={samples}, alpha={alpha}, sigma={sigma}, votes={votes}",
            hint="at least 1; in (0, 1); positive; and at least 1",
        )
    special, risk = _scipy(), alpha / 2
    estimated = alpha if votes is None else alpha - risk
    most = np.maximum(ones, samples - ones)
    # The lower end for a count of all samples too; a count is never 0, as it is the majority's.
    lowest = special.betaincinv(most, samples - most + 1, estimated / (2 * ones.shape[1]))
    return CertifiedCodes(
        codes=np.where(2 * ones >= samples, 1, -1).astype(np.int8),
        radii=sigma * np.maximum(special.ndtri(lowest), 0.0),
        deployed=None if votes is None else DeployedVote(votes=votes, sigma=sigma, risk=risk),
    )


def require_scipy() -> None:
    """Fails early where no bound can be computed.

    Raises:
        MissingDependencyError: scipy is not installed.
    """
    _scipy()


def _scipy() -> Any:
    try:
        from scipy import special
    except ImportError as error:
        raise MissingDependencyError(
            "confidence bounds need scipy, which is not installed", hint="pip install 'robusthash[certify]'"
        ) from error
    return special


def certified_average_precision(
    found: CertifiedCodes,
    radius: float | Floats,
    database: Tensor,
    labels: Tensor,
    item_labels: Tensor,
    *,
    relevance: Relevance = Relevance.SHARE_ANY,
) -> Floats:
    """A lower bound of each query's average precision under any perturbation within an L2 radius.

    Let m bits of a query be open at the radius, and d an item's distance in the others, which do not change. Whatever
    happens to the open bits, an item's distance stays within ``[d, d + m]``. So the average precision with relevant
    items at ``d + m`` and all others at ``d`` is a lower bound, ties in expectation included: with the same order of
    ties, no relevant item has more irrelevant ones before it than here. It is as certain as the bits that are not open.

    Args:
        found: codes of the queries, with their radii.
        radius: one for all queries, or (queries,).
        database: (items, ceil(bits / 8)) uint8 packed codes.
        labels: (queries, classes) uint8.
        item_labels: (items, classes) uint8.
        relevance: when an item is relevant.

    Returns:
        (queries,) float64.
    """
    bounds = np.zeros(len(found.codes))
    bits = found.codes.shape[1]
    for row, (code, fixed) in enumerate(zip(found.codes, ~found.open_at(radius), strict=True)):
        # A bit that is set in no item and in no query is no distance.
        mask = pack(torch.from_numpy(np.where(fixed, 1, -1))[None])
        histograms = distance_histograms(
            pack(torch.from_numpy(code)[None]) & mask,
            database & mask,
            labels[row : row + 1],
            item_labels,
            bits=bits,
            relevance=relevance,
        )
        bounds[row] = average_precision(_worst(histograms.items, histograms.relevant, int((~fixed).sum()))).expected[0]
    return bounds


def _worst(items: Ints, relevant: Ints, moved: int) -> RankedCounts:
    """The counts with each relevant item so much farther; those of fixed bits leave room for it."""
    shifted = np.zeros_like(relevant)
    shifted[:, moved:] = relevant[:, : relevant.shape[1] - moved]
    return RankedCounts(items=items - relevant + shifted, relevant=shifted)
