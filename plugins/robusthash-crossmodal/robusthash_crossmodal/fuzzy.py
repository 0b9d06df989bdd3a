"""Fuzzy c-means (Bezdek, 1981): prototypes of a set of points, matched to classes by the points' labels.

Written out because scikit-fuzzy reseeds numpy's global generator, and divides by ``m - 1``: it fails where the
memberships are hard.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.devices import as_double

_STILL = 1e-7  #: of a centre's coordinates: a smaller move is none
_LOWER = 1e-9  #: share of the cost by which a relocation must lower it


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """What fuzzy c-means has found.

    Attributes:
        centres: (clusters, d) float64.
        memberships: (n, clusters) float64, each row sums to 1.
        cost: ``sum u_ic^m |x_i - v_c|^2``, what is minimised.
    """

    centres: Tensor
    memberships: Tensor
    cost: float


def fuzzy_c_means(points: Tensor, start: Tensor, *, m: float = 1.01, iterations: int = 100) -> Clusters:
    """Minimises ``sum u_ic^m |x_i - v_c|^2`` over memberships and centres in turn.

    Descent alone stops where two centres share a cluster and another one has none. So a centre that is missed least is
    then moved to the point that is farthest from all centres, for as long as that lowers the cost: well separated
    clusters are found from any start.

    Args:
        points: (n, d) float, n at least 1.
        start: (clusters, d) float, the first centres; equal ones are allowed.
        m: fuzziness, at least 1. At 1 every point belongs to its nearest centre; near 1, almost.
        iterations: largest number of pairs of steps of one descent.

    Raises:
        ValueError: m is below 1, or there are no points.

    >>> found = fuzzy_c_means(torch.tensor([[0.0], [0.2], [9.0]]), torch.tensor([[5.0], [5.0]]))
    >>> sorted(found.centres.flatten().round(decimals=3).tolist())
    [0.1, 9.0]
    """
    if m < 1 or not len(points):
        raise ValueError(f"m={m}, {len(points)} points")
    points, centres = as_double(points), as_double(start)
    best = _descend(points, centres, m, iterations)
    for _ in range(len(start)):
        again = _descend(points, _relocated(points, best), m, iterations)
        if again.cost >= best.cost * (1 - _LOWER):
            break
        best = again
    return best


def class_prototypes(codes: Tensor, labels: Tensor, *, m: float = 1.01) -> Tensor:
    """The code of each class: the sign of the fuzzy cluster that its items belong to.

    Centres start at the mean code of each class. Descent may carry them to items of another class, so clusters are
    matched to classes by the mean membership of their items, all at once, and not by their order. An item with several
    labels counts for each of them by an equal share.

    Args:
        codes: (n, bits) in {-1, +1}, or relaxed.
        labels: (n, classes) in {0, 1}.
        m: fuzziness, at least 1.

    Returns:
        (classes, bits) int8 in {-1, +1}; zeros for a class without items. A tie goes to +1.

    >>> codes = torch.tensor([[1, 1], [1, 1], [-1, 1], [-1, 1]])
    >>> class_prototypes(codes, torch.tensor([[0, 1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]])).tolist()
    [[-1, 1], [1, 1], [0, 0]]
    """
    shares = as_double(labels.to(codes.device))
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1)
    used = shares.sum(0) > 0
    found = torch.zeros((labels.shape[1], codes.shape[1]), dtype=torch.int8, device=codes.device)
    if not used.any():
        return found
    weights = shares[:, used] / shares[:, used].sum(0)
    clusters = fuzzy_c_means(codes, weights.T @ as_double(codes), m=m)
    signs = torch.where(clusters.centres[matched(weights, clusters.memberships)] < 0, -1, 1)
    found[used.to(found.device)] = signs.to(found)
    return found


def matched(weights: Tensor, memberships: Tensor) -> Tensor:
    """The cluster of each class: one to one, with the largest sum of mean memberships.

    Args:
        weights: (n, classes) float, how much each point counts for a class; each column sums to 1.
        memberships: (n, classes) float, of the points in as many clusters.

    Returns:
        (classes,) int64, indices of clusters.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import, and only what learns prototypes needs it

    _, clusters = linear_sum_assignment((weights.T @ memberships).cpu().numpy(), maximize=True)
    return torch.from_numpy(clusters).to(weights.device)


def _descend(points: Tensor, centres: Tensor, m: float, iterations: int) -> Clusters:
    for _ in range(iterations):
        shares = memberships(points, centres, m) ** m
        total = shares.sum(0)
        # A centre that no point belongs to stays where it is, until it is moved.
        moved = torch.where(total[:, None] > 0, shares.T @ points / total.clamp_min(1e-300)[:, None], centres)
        still = float((moved - centres).abs().max()) < _STILL
        centres = moved
        if still:
            break
    shares = memberships(points, centres, m)
    return Clusters(
        centres=centres,
        memberships=shares,
        cost=float((shares**m * _squared(points, centres)).sum()),
    )


def memberships(points: Tensor, centres: Tensor, m: float) -> Tensor:
    """``u_ic`` proportional to ``|x_i - v_c|^(-2 / (m - 1))``, in logarithms: near 1 the powers are out of range.

    Args:
        points: (n, d) float.
        centres: (clusters, d) float.
        m: fuzziness, at least 1.

    Returns:
        (n, clusters) float64, each row sums to 1.

    >>> memberships(torch.tensor([[1.0]]), torch.tensor([[0.0], [3.0]]), m=2.0)
    tensor([[0.8000, 0.2000]], dtype=torch.float64)
    """
    points, centres = as_double(points), as_double(centres)
    squared = _squared(points, centres)
    if m == 1:
        return torch.nn.functional.one_hot(squared.argmin(1), len(centres)).double()
    return torch.softmax(-squared.clamp_min(1e-12).log() / (m - 1), dim=1)


def _squared(points: Tensor, centres: Tensor) -> Tensor:
    return torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist").square()


def _relocated(points: Tensor, clusters: Clusters) -> Tensor:
    """The centres, of which the one that is missed least is moved to the point farthest from all."""
    squared = _squared(points, clusters.centres)
    nearest = squared.argmin(1)
    least = squared.amin(1)
    own = torch.nn.functional.one_hot(nearest, len(clusters.centres)).bool()
    second = squared.masked_fill(own, torch.inf).amin(1)
    missed = torch.zeros(len(clusters.centres), dtype=points.dtype, device=points.device)
    missed = missed.index_add(0, nearest, second - least)
    centres = clusters.centres.clone()
    if len(centres) > 1:
        centres[missed.argmin()] = points[least.argmax()]
    return centres
