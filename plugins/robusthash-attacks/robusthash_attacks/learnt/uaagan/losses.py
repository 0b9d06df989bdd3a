"""The losses of UAA-GAN (Zhao et al. 2019), on unit vectors: relaxed codes, or descriptors."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from robusthash.contracts import Space

#: Of attacked and own positions, each (n, size), and the distance (n,) to the nearest other one, to a scalar.
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def positions(outputs: Tensor, space: Space) -> Tensor:
    """Where outputs (n, size) lie: ``tanh(f) / sqrt(K)`` for codes, at most of unit length; descriptors at unit length.

    Between two codes, the squared distance is then 4 / K times their Hamming distance.
    """
    return torch.tanh(outputs) / space.size**0.5 if space.binary else normalize(outputs)


def corners(codes: Tensor, space: Space) -> Tensor:
    """Where clean images lie, of their codes (n, bits) in {-1, +1} or their descriptors (n, d): unit vectors."""
    return codes / space.size**0.5 if space.binary else normalize(codes)


def nearest_other(own: Tensor) -> Tensor:
    """Distance (n,) from each position (n, size) to the nearest other one: the hard negative. 0 for a single one."""
    apart = torch.cdist(own, own, compute_mode="donot_use_mm_for_euclid_dist")
    return apart.fill_diagonal_(torch.inf).amin(1) if len(own) > 1 else apart[:, 0]


def own_loss(attacked: Tensor, own: Tensor, apart: Tensor) -> Tensor:  # noqa: ARG001 - as the other loss
    """``1 + mean <f, o>``: 0 where every image is at the far end from its own position ``o``."""
    return 1 + (attacked * own).sum(1).mean()


def metric_loss(attacked: Tensor, own: Tensor, apart: Tensor, *, margin: float) -> Tensor:
    """``mean max(0, a + margin - |o - f|)``, ``a`` the distance from ``o`` to the nearest other image of the batch.

    So an attacked image is to be farther from its own position, by a margin, than another image is. A batch of one has
    no negative, and the margin alone counts.

    Args:
        attacked: (n, size) float, at most of unit length.
        own: (n, size) float, unit vectors.
        apart: (n,) float, of :func:`nearest_other` over the whole batch.
        margin: in the same units, in which opposite vectors are 2 apart.
    """
    moved: Tensor = (own - attacked).norm(dim=1)
    return (apart + margin - moved).clamp_min(0).mean()


def reconstruction_loss(attacked: Tensor, clean: Tensor) -> Tensor:
    """Mean Euclidean distance between images (n, ...) in pixel space."""
    distances: Tensor = (attacked - clean).flatten(1).norm(dim=1)
    return distances.mean()


def discriminator_loss(clean: Tensor, attacked: Tensor) -> Tensor:
    """``mean (D(x) - 1)^2 + mean D(x')^2``, least squares: clean images are 1, attacked ones 0."""
    return (clean - 1).square().mean() + attacked.square().mean()


def deception_loss(attacked: Tensor) -> Tensor:
    """``mean (D(x') - 1)^2``: attacked images are taken for clean ones."""
    return (attacked - 1).square().mean()
