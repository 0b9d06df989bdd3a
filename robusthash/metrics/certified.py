"""Certified retrieval of smoothed codes: bits that noise decides beyond doubt, and the lowest AP that they leave.

The certificate of a single bit is that of a binary classifier (Cohen, Rosenfeld and Kolter, "Certified adversarial
robustness via randomized smoothing", ICML 2019, theorem 1); what it means for a ranking is derived here.
"""

from dataclasses import dataclass
from statistics import NormalDist

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


@dataclass(frozen=True, kw_only=True, eq=False)
class CertifiedCodes:
    """What votes over noise say of some queries' codes.

    Attributes:
        codes: (queries, bits) int8 in {-1, +1}, the majority of each bit.
        radii: (queries, bits) float64, L2 radius within which no input has another bit; 0 for a bit that the votes do
            not decide.
    """

    codes: npt.NDArray[np.int8]
    radii: Floats

    @property
    def abstained(self) -> float:
        """Share of the bits that the votes do not decide."""
        return float((self.radii == 0).mean())

    def open_at(self, radius: float) -> npt.NDArray[np.bool_]:
        """(queries, bits), the bits that may be another for some input at this distance or nearer."""
        return self.radii <= radius


def certified_codes(ones: Ints, samples: int, *, sigma: float, alpha: float) -> CertifiedCodes:
    """The codes that votes decide, and how far from each query they hold.

    With p the Clopper-Pearson lower bound of the probability of a bit's majority, the bit holds within
    ``sigma * Phi^-1(p)``. Bounds are two-sided, so that one sample finds both majority and bound, and Bonferroni's over
    the bits of a query: all its radii are right with probability ``1 - alpha``.

    Args:
        ones: (queries, bits) int64, noisy copies of the query whose bit is +1.
        samples: noisy copies of each query.
        sigma: standard deviation of the noise.
        alpha: probability, for a query, that some radius of it is too large.

    Raises:
        OptionError: a value is outside its range.
        MissingDependencyError: scipy is not installed.

    >>> found = certified_codes(np.array([[1000, 500, 3]]), 1000, sigma=1.0, alpha=0.001)
    >>> found.codes.tolist(), found.radii.round(2).tolist()
    ([[1, 1, -1]], [[2.38, 0.0, 2.16]])
    """
    if samples < 1 or not 0 < alpha < 1 or not sigma > 0:
        raise OptionError(
            f"samples={samples}, alpha={alpha}, sigma={sigma}", hint="at least 1; in (0, 1); and positive"
        )
    try:
        from scipy.stats import beta
    except ImportError as error:
        raise MissingDependencyError(
            "confidence bounds need scipy, which is not installed", hint="pip install 'robusthash[certify]'"
        ) from error
    most = np.maximum(ones, samples - ones)
    counts, where = np.unique(most, return_inverse=True)
    # The lower end for a count of all samples too; a count is never 0, as it is the majority's.
    lowest = beta.ppf(alpha / (2 * ones.shape[1]), counts, samples - counts + 1)
    normal = NormalDist()
    reach = np.array([sigma * normal.inv_cdf(p) if p > 0.5 else 0.0 for p in lowest.tolist()])
    codes = np.where(2 * ones >= samples, 1, -1).astype(np.int8)
    return CertifiedCodes(codes=codes, radii=reach[where.reshape(ones.shape)])


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
    ties, no relevant item has more irrelevant ones before it than here.

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
    each = np.broadcast_to(np.asarray(radius, np.float64), len(found.codes))
    bounds = np.zeros(len(each))
    bits = found.codes.shape[1]
    for row, (code, reach) in enumerate(zip(found.codes, found.radii, strict=True)):
        fixed = reach > each[row]
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
