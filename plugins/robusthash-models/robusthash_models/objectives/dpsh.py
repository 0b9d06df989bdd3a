"""DPSH, deep pairwise-supervised hashing (Li, Wang and Kang, IJCAI 2016)."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.functional import softplus

from robusthash.contracts import Pairs, TrainStep
from robusthash.hashing import sign
from robusthash_models.objectives.relaxed import Relaxed


@dataclass(frozen=True, kw_only=True)
class DPSH(Relaxed):
    """Maximises the likelihood of the pairs' similarities, with a quantisation term.

    With ``theta_ij = <u_i, u_j> / 2`` for the B items of a batch and the N items that they are compared with::

        L = sum_ij (log(1 + exp theta_ij) - s_ij theta_ij) / (N B)  +  eta sum_i ||sgn u_i - u_i||^2 / D

    The paper has ``u = f(x)``; most public code has ``u = tanh f(x)``. The divisor D is N B in one half of the public
    code and B K in the other, so the same ``eta`` has two meanings.

    All of that code compares a batch with a bank of codes of the whole train split. By default it is compared with
    itself here: 20 epochs on 1,000 digits (16x16, 32 bits, three seeds) then reach a MAP of .99, but only .18 to .29
    with a bank, even one that is initialised by encoding the split. The presets use the bank.
    """

    pairing: Literal["bank", "batch"] = "batch"  #: compare with the codes of the whole train split, or of the batch
    eta: float = 0.05  #: η, weight of the quantisation term
    divisor: Literal["pairs", "elements"] = "elements"  #: D: N B (pairs) or B K (elements)

    def loss(
        self,
        relaxed: Tensor,
        labels: Tensor,  # noqa: ARG002 - the contract's
        pairs: Pairs,
        step: TrainStep,  # noqa: ARG002 - the contract's
    ) -> Tensor:
        """The formula above; softplus does not overflow."""
        theta = relaxed @ pairs.codes.T / 2
        likelihood = (softplus(theta) - pairs.similar * theta).mean()
        divisor = theta.numel() if self.divisor == "pairs" else relaxed.numel()
        return likelihood + self.eta * (sign(relaxed) - relaxed).square().sum() / divisor
