"""The cross entropy of losses with class logits."""

from torch import Tensor
from torch.nn.functional import log_softmax


def label_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy whose target is divided equally among an item's labels; the usual one if each item has one label.

    An unlabelled item contributes 0.

    Args:
        logits: (n, classes) float.
        labels: (n, classes) float, multi-hot.

    Returns:
        The mean over the items, a scalar.

    >>> import torch
    >>> logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> usual = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
    >>> bool(torch.isclose(label_cross_entropy(logits, torch.eye(3)[:2]), usual))
    True
    """
    shares = labels / labels.sum(1, keepdim=True).clamp(min=1)
    return -(shares * log_softmax(logits, dim=1)).sum(1).mean()
