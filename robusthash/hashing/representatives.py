"""Codes that stand for a set of codes, and the mean of descriptors.

For any weights, the code with the smallest ``sum_P w_p D(c, b_p) - sum_Q w_q D(c, b_q)`` is the sign of
``sum_P w_p b_p - sum_Q w_q b_q``, bit by bit, because the Hamming distance is affine in each bit of ``c``. The
representatives here differ in their weights only.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from robusthash.devices import as_double

_ROUNDING = 1e-9  #: sums nearer to zero than this share of their weights are ties: rounding decides no bit


def vote(codes: Tensor) -> Tensor:
    """Component-wise majority of several codes, the anchor code of DHTA (Bai et al., ECCV 2020, eq. 8).

    It has the smallest summed Hamming distance to the set, bit by bit. A tie goes to +1. A row of zeros is an absent
    voter.

    Args:
        codes: (n, voters, bits) in {-1, 0, +1}.

    Returns:
        (n, bits) int8 in {-1, +1}.

    >>> vote(torch.tensor([[[1, 1, -1], [1, -1, -1], [-1, 1, 1]]]))
    tensor([[ 1,  1, -1]], dtype=torch.int8)
    """
    total = codes.sum(1, dtype=torch.int64)
    return torch.where(total < 0, -1, 1).to(torch.int8)


def mean(descriptors: Tensor) -> Tensor:
    """Mean of several descriptors. A row of zeros is an absent voter.

    Args:
        descriptors: (n, voters, d) float.

    Returns:
        (n, d), with the dtype of the descriptors; zeros if all voters are absent.

    >>> mean(torch.tensor([[[1.0, 3.0], [3.0, 1.0], [0.0, 0.0]]]))
    tensor([[2., 2.]])
    """
    present = descriptors.any(2).sum(1, keepdim=True).clamp_min(1)
    return descriptors.sum(1) / present


def centre(wanted: Tensor, codes: Tensor, labels: Tensor, *, jaccard: bool = False) -> Tensor:
    """Centre code of a label: the sign of the mean relevant code minus the mean irrelevant one (CgAT).

    An item is relevant if it shares a label with the one wanted. The mean of no codes is zero. A tie goes to +1.

    Source: Wang et al., *CgAT*, WWW 2023: as released, whose weights are 0 and 1. The paper weights relevant items by
    the Jaccard similarity of the labels: ``jaccard``.

    Args:
        wanted: (n, classes) in {0, 1}, the labels to represent.
        codes: (items, bits) in {-1, +1}, of the code bank.
        labels: (items, classes) in {0, 1}, their labels.
        jaccard: weight each relevant item by ``|y & y_j| / |y | y_j|`` before the sum over the relevant items.

    Returns:
        (n, bits) int8 in {-1, +1}, on the codes' device.

    >>> bank = torch.tensor([[1, 1], [-1, 1]]), torch.tensor([[1, 0], [0, 1]])
    >>> centre(torch.tensor([[1, 0], [0, 1]]), *bank)
    tensor([[ 1,  1],
            [-1,  1]], dtype=torch.int8)
    """

    def weights(shared: Tensor, sizes: Tensor, item_sizes: Tensor) -> tuple[Tensor, Tensor]:
        relevant = (shared > 0).double()
        union = (sizes[:, None] + item_sizes[None, :] - shared).clamp_min(1)
        attracted = shared / union if jaccard else relevant
        count = relevant.sum(1, keepdim=True)
        irrelevant = 1 - relevant
        return attracted / count.clamp_min(1), irrelevant / irrelevant.sum(1, keepdim=True).clamp_min(1)

    return _representative(wanted, codes, labels, weights)


def mainstay(wanted: Tensor, codes: Tensor, labels: Tensor) -> Tensor:
    """Mainstay code of a label (SAAT): relevant codes weighted by the labels' cosine, minus the mean irrelevant one.

    Each side is divided by the sum of its weights; a side without items counts as zero, and so does a label vector of
    zeros on the relevant side. A tie goes to +1.

    Source: Yuan et al., *SAAT*, IEEE TIFS 2023, as released.

    Args:
        wanted: (n, classes) in {0, 1}, the labels to represent.
        codes: (items, bits) in {-1, +1}, of the code bank.
        labels: (items, classes) in {0, 1}, their labels.

    Returns:
        (n, bits) int8 in {-1, +1}, on the codes' device.

    >>> bank = torch.tensor([[1, 1], [-1, 1]]), torch.tensor([[1, 0], [0, 1]])
    >>> mainstay(torch.tensor([[1, 0]]), *bank)
    tensor([[1, 1]], dtype=torch.int8)
    """

    def weights(shared: Tensor, sizes: Tensor, item_sizes: Tensor) -> tuple[Tensor, Tensor]:
        cosine = shared / (sizes[:, None] * item_sizes[None, :]).sqrt().clamp_min(1)
        irrelevant = (shared == 0).double()
        total = cosine.sum(1, keepdim=True)
        return (
            cosine / torch.where(total > 0, total, 1),
            irrelevant / irrelevant.sum(1, keepdim=True).clamp_min(1),
        )

    return _representative(wanted, codes, labels, weights)


def _representative(
    wanted: Tensor,
    codes: Tensor,
    labels: Tensor,
    weights: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]],
) -> Tensor:
    """The sign of the attracting minus the repelling sum, computed once for each distinct label vector."""
    distinct, inverse = torch.unique(wanted.to(codes.device), dim=0, return_inverse=True)
    own, items = as_double(distinct), as_double(labels)
    attracted, repelled = weights(own @ items.T, own.sum(1), items.sum(1))
    total = (attracted - repelled) @ as_double(codes)
    scale = (attracted + repelled).sum(1, keepdim=True)
    return torch.where(total < -_ROUNDING * scale, -1, 1).to(codes.device, torch.int8)[inverse]
