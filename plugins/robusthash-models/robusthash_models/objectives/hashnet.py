"""HashNet, deep learning to hash by continuation (Cao, Long, Wang and Yu, ICCV 2017)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class HashNet(Objective):
    """Weighted likelihood of the pairs' similarities, with a tanh that approaches the sign during the training.

    With ``u = tanh(beta f(x))`` and ``z_ij = alpha <u_i, u_j>``, over n pairs of which n1 are similar and n0 are not::

        L = sum_ij w_ij (log(1 + exp z_ij) - s_ij z_ij) / n,    w_ij = n / n1 if s_ij = 1 else n / n0

    Batch pairs and a fast continuation are our defaults, for few epochs: on 1,000 digits (16x16, 32 bits, 20 epochs,
    three seeds) they reach a MAP of .99, and a bank .95 to .99. The presets follow the public code.

    The continuation is ``beta = sqrt(1 + floor(t / every))``, where t counts iterations or epochs; it starts at 1.

    Raises:
        OptionError: ``every`` or ``alpha`` is not positive.
    """

    pairing: Literal["bank", "batch"] = "batch"  #: compare with the codes of the whole train split, or of the batch
    alpha: float | None = None  #: α, slope of the likelihood; None is 10 / K
    positive_weight: float | None = None  #: w of similar pairs, with 1 for others; none balances by n / n1, n / n0
    unit: Literal["epoch", "iteration"] = "epoch"  #: what t counts
    every: int = 4  #: t between two increases of β

    def __post_init__(self) -> None:
        if self.every < 1 or (self.alpha is not None and not self.alpha > 0):
            raise OptionError(f"hashnet.every is {self.every}, hashnet.alpha {self.alpha}", hint="both are positive")

    def beta(self, step: TrainStep) -> float:
        """β, sharpness of the tanh."""
        t = step.epoch if self.unit == "epoch" else step.iteration
        return float((1 + t // self.every) ** 0.5)

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:
        """``tanh(beta f(x))``."""
        return torch.tanh(self.beta(step) * logits)

    def loss(
        self,
        relaxed: Tensor,
        labels: Tensor,  # noqa: ARG002 - the contract's
        pairs: Pairs,
        step: TrainStep,
    ) -> Tensor:
        """The formula above; softplus does not overflow."""
        alpha = self.alpha if self.alpha is not None else 10 / step.bits
        z = alpha * relaxed @ pairs.codes.T
        likelihood = softplus(z) - pairs.similar * z
        return (self._weights(pairs.similar) * likelihood).mean()

    def _weights(self, similar: Tensor) -> Tensor:
        if self.positive_weight is not None:
            return 1 + (self.positive_weight - 1) * similar
        n = similar.numel()
        n1 = similar.sum()
        # A batch may have no similar or no dissimilar pair; the weight of an empty set does not matter.
        return torch.where(similar > 0, n / n1.clamp(min=1), n / (n - n1).clamp(min=1))
