"""The least-squares loss of relaxed codes that stands in for the loss of a model whose objective is unknown."""

from torch import Tensor

from robusthash.contracts import Objective, Pairs, TrainStep


def misfit(relaxed: Tensor, codes: Tensor, similar: Tensor) -> Tensor:
    """The mean squared misfit between scaled inner products and similarities.

    For n relaxed codes that are compared with m codes, ``sum_ij (<u_i, U_j> / K - (2 s_ij - 1))^2 / (n m)``.

    Args:
        relaxed: (n, bits) float.
        codes: (m, bits) float.
        similar: (n, m) float in {0, 1}.

    Returns:
        A scalar.
    """
    return (relaxed @ codes.T / relaxed.shape[1] - (2 * similar - 1)).square().mean()


class InnerProducts(Objective):
    """The misfit within a batch: the loss of DPH, with which attack papers train their victims."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:  # noqa: ARG002, D102 - the contract's
        return misfit(relaxed, pairs.codes, pairs.similar)
