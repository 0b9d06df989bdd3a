"""CSQ, central similarity quantization (Yuan, Wang, Zhang, Tay, Jie, Liu and Feng, CVPR 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from robusthash.contracts import Objective, Pairs, TrainStep
from robusthash_models.objectives.centres import Centres, spread_centres
from robusthash_models.objectives.heads import head_of


@dataclass(frozen=True, kw_only=True)
class CSQ(Objective):
    """Pulls each item to the hash centre of its labels.

    With ``u = tanh f(x)`` and the item's centre c in {-1, +1}^K::

        L = BCE((u + 1) / 2, (c + 1) / 2)  +  lambda mean (|u| - 1)^2  +  mu mean_ij (log(1 + exp z_ij) - s_ij z_ij)

    where ``z_ij = 10 <u_i, u_j> / K`` over the pairs of the batch; only the authors' code has the last term. As
    ``(tanh f + 1) / 2`` is the logistic function of 2 f, the first term is computed from the logits, without clamping
    where u rounds to 1.

    The centres are Hadamard rows if K is a power of two and at least half the number of classes, and otherwise random
    codes that are far apart. The centre of an item with several labels is the bitwise majority of theirs; ties are
    broken by a vector that is drawn once per training.
    """

    quantisation: float = 1e-4  #: λ, weight of the quantisation term
    likelihood: float = 0.0  #: μ, weight of the pairs' likelihood

    def head(self, *, bits: int, classes: int, seed: int) -> Centres:
        """The hash centres, and the vector that breaks ties."""
        return spread_centres(bits=bits, classes=classes, seed=seed)

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002 - the contract's
        """The logits; the loss applies the tanh itself."""
        return logits

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        """The formula above."""
        centres = head_of(step, Centres)(labels)
        u = torch.tanh(relaxed)
        loss = binary_cross_entropy_with_logits(2 * relaxed, (centres + 1) / 2)
        loss = loss + self.quantisation * (u.abs() - 1).square().mean()
        if self.likelihood:
            z = 10 / step.bits * u @ torch.tanh(pairs.codes).T
            loss = loss + self.likelihood * (softplus(z) - pairs.similar * z).mean()
        return loss
