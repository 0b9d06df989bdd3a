"""DPH, the pairwise loss of the victims in attack papers (Yang, Liu, Deng and Tao, IEEE TCYB 2018)."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from robusthash.contracts import Objective, Pairs, TrainStep


@dataclass(frozen=True, kw_only=True)
class DPH(Objective):
    """Fits the inner products of relaxed codes to the pairs' similarities by least squares.

    With ``u = tanh f(x)``, for the B items of a batch and the N items that they are compared with::

        L = sum_ij (<u_i, u_j> / K - (2 s_ij - 1))^2 / (N B)

    No quantisation term is needed: only codes in {-1, +1} reach an inner product of K.
    """

    pairing: Literal["bank", "batch"] = "batch"  #: compare with the codes of the whole train split, or of the batch

    def loss(
        self,
        relaxed: Tensor,
        labels: Tensor,  # noqa: ARG002 - the contract's
        pairs: Pairs,
        step: TrainStep,
    ) -> Tensor:
        """The formula above."""
        return (relaxed @ pairs.codes.T / step.bits - (2 * pairs.similar - 1)).square().mean()
