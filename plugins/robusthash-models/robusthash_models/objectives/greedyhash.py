"""GreedyHash (Su, Zhang, Han and Tian, NeurIPS 2018)."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robusthash.contracts import Objective, Pairs, Randomness, TrainStep
from robusthash.hashing import sign
from robusthash_models.objectives.classification import label_cross_entropy
from robusthash_models.objectives.heads import head_of


@dataclass(frozen=True, kw_only=True)
class GreedyHash(Objective):
    """Classifies the binary codes; the gradient of the sign is the identity.

    With ``u = f(x)``, ``b = sgn u``, and a linear classifier W without bias that is trained jointly::

        L = CE(W b, y)  +  alpha mean | |u| - 1 |^3

    The public code uses only the first label of an item. Here the cross entropy's target is divided equally among its
    labels, which for a single label is the paper's loss.
    """

    alpha: float = 0.1  #: α, weight of the penalty

    def head(self, *, bits: int, classes: int, seed: int) -> "Classifier":
        """W, initialised as torch does: uniform within 1 / sqrt(K)."""
        uniform = Randomness(seed=seed, purpose="classifier").uniform(torch.arange(classes), (bits,))
        return Classifier((2 * uniform - 1) * bits**-0.5)

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002 - the contract's
        """The logits, the paper's u."""
        return logits

    def loss(
        self,
        relaxed: Tensor,
        labels: Tensor,
        pairs: Pairs,  # noqa: ARG002 - the contract's
        step: TrainStep,
    ) -> Tensor:
        """The formula above."""
        classifier = head_of(step, Classifier)
        classified = label_cross_entropy(classifier(straight_through_sign(relaxed)), labels)
        return classified + self.alpha * (relaxed.abs() - 1).abs().pow(3).mean()


class Classifier(nn.Module):
    """Class logits of codes, linear and without bias.

    Args:
        weight: (classes, bits) float, initial values.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, codes: Tensor) -> Tensor:
        """(n, bits) to (n, classes)."""
        return codes @ self.weight.T


def straight_through_sign(u: Tensor) -> Tensor:
    """The sign, +1 at 0, whose gradient is the identity.

    >>> u = torch.tensor([-0.3, 0.0, 2.0], requires_grad=True)
    >>> code = straight_through_sign(u)
    >>> code.tolist(), torch.autograd.grad((5 * code).sum(), u)[0].tolist()
    ([-1.0, 1.0, 1.0], [5.0, 5.0, 5.0])
    """
    code: Tensor = _StraightThrough.apply(u)
    return code


class _StraightThrough(torch.autograd.Function):
    """``u + (sgn u - u).detach()`` would round to values near -1 and +1, not to -1 and +1."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        return sign(u)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        return gradient
