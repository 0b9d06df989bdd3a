"""Losses of learnt attacks, per sample: on codes or descriptors that are to be reached."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import normalize

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  #: (outputs, aim, own), each (n, size), to (n,)

_MARGIN = 1.0  #: of the hinge: how far on the aim's side a logit no longer counts
_TRIPLET = 0.8  #: how much nearer to the aim than to the own output, between unit vectors (Li et al. 2019)


def hinge(outputs: Tensor, aim: Tensor, own: Tensor) -> Tensor:  # noqa: ARG001 - as the other losses
    """``mean_k max(0, 1 - f_k h_k)``: the slope of a wrong bit is constant, that of a right one is zero."""
    return (_MARGIN - outputs * aim).clamp_min(0).mean(1)


def triplet(outputs: Tensor, aim: Tensor, own: Tensor) -> Tensor:
    """``max(0, |f - h| - |f - o| + 0.8)`` between unit vectors, ``o`` the output for the clean image.

    >>> import torch
    >>> own = torch.tensor([[1.0, 1.0]])
    >>> triplet(own, -own, own).tolist(), triplet(-own, -own, own).tolist()
    ([2.799999952316284], [0.0])
    """
    found, wanted, left = (normalize(part) for part in (outputs, aim, own))
    nearer, farther = (found - wanted).norm(dim=1), (found - left).norm(dim=1)
    loss: Tensor = (nearer - farther + _TRIPLET).clamp_min(0)
    return loss


LOSSES: dict[str, Loss] = {"hinge": hinge, "triplet": triplet}
