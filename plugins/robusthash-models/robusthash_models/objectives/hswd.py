"""HSWD, matching codes to a fair coin's distribution (Doan, Yang and Li, CVPR 2022: One loss for quantization)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash_models.objectives.csq import CSQ
from robusthash_models.objectives.dpsh import DPSH
from robusthash_models.objectives.hashnet import HashNet


@dataclass(frozen=True, kw_only=True)
class HSWD(Objective):
    """Adds a distance between the distribution of relaxed codes and a fair coin's to the loss of another objective.

    A mixin, listed before that objective among the bases. Over a batch of B items::

        L + w / (K B) sum_k || sort(u_k) - r ||^2

    r is a sorted sample of a fair coin in {-1, +1}. The public code draws it for each batch; here it is balanced, the
    first half -1 and the second +1, so that the loss is a function of its arguments. With an odd number of items, the
    middle one costs the mean of both sides.
    """

    wasserstein: float = 0.1  #: w, weight of the distance

    def near_binary(self, relaxed: Tensor) -> Tensor:
        """The relaxed codes that should be near -1 and +1; a loss of logits overrides this."""
        return relaxed

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        """The formula above."""
        loss: Tensor = super().loss(relaxed, labels, pairs, step)  # type: ignore[safe-super]  # the next base has one
        return loss + self.wasserstein * coin_distance(self.near_binary(relaxed))


def coin_distance(u: Tensor) -> Tensor:
    """Squared 2-Wasserstein distance between each bit's values and a fair coin in {-1, +1}, the mean over the bits.

    Args:
        u: (n, bits) float.

    Returns:
        A scalar.

    >>> coin_distance(torch.tensor([[1.0], [-1.0]])).item(), coin_distance(torch.tensor([[1.0], [1.0]])).item()
    (0.0, 2.0)
    """
    half = u.shape[0] // 2
    ranked = u.sort(dim=0).values
    distance = (ranked[:half] + 1).square().sum() + (ranked[u.shape[0] - half :] - 1).square().sum()
    middle = ranked[half : u.shape[0] - half]
    return (distance + (middle.square() + 1).sum()) / u.numel()


@dataclass(frozen=True, kw_only=True)
class DPSHWithHSWD(HSWD, DPSH):
    """DPSH with HSWD."""


@dataclass(frozen=True, kw_only=True)
class HashNetWithHSWD(HSWD, HashNet):
    """HashNet with HSWD."""


@dataclass(frozen=True, kw_only=True)
class CSQWithHSWD(HSWD, CSQ):
    """CSQ with HSWD."""

    def near_binary(self, relaxed: Tensor) -> Tensor:
        """Tanh of the logits that CSQ sees."""
        return torch.tanh(relaxed)
