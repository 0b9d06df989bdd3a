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
    """Classifies the binary codes themselves; the sign has the identity as its gradient.

    With ``u = f(x)``, ``b = sgn u``, and a linear classifier W without bias that is trained along::

        L = CE(W b, y)  +  alpha mean | |u| - 1 |^3

    The public code takes the first label of an item that has several. Here they share the cross entropy's target
    equally, which for a single label is the paper's loss.
    """

    alpha: float = 0.1  #: α, weight of the penalty

    def head(self, *, bits: int, classes: int, seed: int) -> "Classifier":
        """W, with torch's usual start: uniform within 1 / sqrt(K) of 0."""
        uniform = Randomness(seed=seed, purpose="classifier").uniform(torch.arange(classes), (bits,))
        return Classifier((2 * uniform - 1) * bits**-0.5)

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002 - the contract's
        """The paper's u: the logits."""
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
        weight: (classes, bits) float, its start.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, codes: Tensor) -> Tensor:
        """(n, bits) to (n, classes)."""
        return codes @ self.weight.T


def straight_through_sign(u: Tensor) -> Tensor:
    """The sign, +1 at 0, with the identity as its gradient.

    >>> u = torch.tensor([-0.3, 0.0, 2.0], requires_grad=True)
    >>> code = straight_through_sign(u)
    >>> code.tolist(), torch.autograd.grad((5 * code).sum(), u)[0].tolist()
    ([-1.0, 1.0, 1.0], [5.0, 5.0, 5.0])
    """
    code: Tensor = _StraightThrough.apply(u)
    return code


class _StraightThrough(torch.autograd.Function):
    """``u + (sgn u - u).detach()`` would round to values beside -1 and +1."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        return sign(u)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        return gradient
