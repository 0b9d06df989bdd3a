"""DCH, deep Cauchy hashing (Cao, Long, Liu and Wang, CVPR 2018)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import Pairs, TrainStep
from robusthash.errors import OptionError
from robusthash_models.objectives.relaxed import Relaxed

_NEAREST = 0.99  #: upper bound of the cosine; at 1 the logarithm of the distance is unbounded
_SMALLEST = 1e-8  #: lower bound of products of squared norms; an item at zero has no direction


@dataclass(frozen=True, kw_only=True)
class DCH(Relaxed):
    """Weighted likelihood of the pairs under a Cauchy distribution of their distance, steep for near pairs.

    With ``d(a, b) = K (1 - min(cos(a, b), 0.99)) / 2``, over n pairs of which n1 are similar and n0 are not::

        L = sum_ij w_ij (s_ij log(d_ij / gamma) + log(1 + gamma / d_ij)) / n
            + weight * sum_i log(1 + d(|u_i|, 1) / gamma) / B,    w_ij = n / n1 if s_ij = 1 else n / n0

    ``d_ij = d(u_i, u_j)`` is the Hamming distance if the u are codes (eq. 6). The bound on the cosine is that of the
    public code: a pair beyond it, such as an item and itself, has no gradient.

    Raises:
        OptionError: ``gamma`` is not positive, or ``weight`` is negative.
    """

    gamma: float = 20.0  #: γ, scale of the Cauchy distribution: a pair at this distance is similar with probability 1/2
    weight: float = 0.1  #: λ, weight of the quantisation term

    def __post_init__(self) -> None:
        if not self.gamma > 0 or self.weight < 0:
            raise OptionError(
                f"dch.gamma is {self.gamma}, dch.weight {self.weight}", hint="use gamma > 0 and weight >= 0"
            )

    def loss(
        self,
        relaxed: Tensor,
        labels: Tensor,  # noqa: ARG002 - the contract's
        pairs: Pairs,
        step: TrainStep,
    ) -> Tensor:
        """The formula above."""
        distance = _distances(relaxed, pairs.codes, step.bits)
        cauchy = pairs.similar * torch.log(distance / self.gamma) + torch.log1p(self.gamma / distance)
        # A row of ones is the corner of the cube that |u| should reach.
        corner = _distances(relaxed.abs(), torch.ones_like(relaxed[:1]), step.bits)
        quantiser = torch.log1p(corner / self.gamma).mean()
        return (_weights(pairs.similar) * cauchy).mean() + self.weight * quantiser


def _distances(left: Tensor, right: Tensor, bits: int) -> Tensor:
    products = left.square().sum(1, keepdim=True) * right.square().sum(1)
    # Clamped before the root, whose gradient at zero is not finite.
    cosine = left @ right.T / products.clamp(min=_SMALLEST).sqrt()
    return (1 - cosine.clamp(max=_NEAREST)) * bits / 2


def _weights(similar: Tensor) -> Tensor:
    n = similar.numel()
    n1 = similar.sum()
    # The weight of an empty side is infinite, but no pair has it; the weight of the other side is 1.
    return torch.where(similar > 0, n / n1, n / (n - n1))
