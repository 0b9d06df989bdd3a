"""DSDH, deep supervised discrete hashing (Li, Sun, He and Tan, NeurIPS 2017)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from robusthash.contracts import Pairs, TrainStep
from robusthash.errors import ContractError, OptionError
from robusthash.hashing import sign
from robusthash_models.objectives.heads import head_of
from robusthash_models.objectives.relaxed import Relaxed


@dataclass(frozen=True, kw_only=True)
class DSDH(Relaxed):
    """Pulls the relaxed codes to discrete ones that fit the labels, beside the likelihood of the pairs.

    With ``theta_ij = <u_i, u_j> / 2``, discrete codes b_i in {-1, +1}^K of all N items of the train split, and a linear
    map W from codes to labels y, which may be several to an item, for the B items of a batch::

        L = mean_ij (log(1 + exp theta_ij) - s_ij theta_ij)
            + sum_i (mu ||y_i - W^T b_i||^2 + eta ||b_i - u_i||^2) / (B K)  +  nu ||W||^2 / (N K)

    The network feels the first term and that of ``eta``. Before each epoch all but the first, over the whole train
    split, are minimised over W and b in turn: W in closed form, b bit by bit (discrete cyclic coordinate descent).
    Without ``mu`` the codes are ``sgn u`` as of the epoch's start, and the loss is nearly DPSH's.

    Public PyTorch code has no term of ``eta`` in the network's loss: there the labels have no effect beyond the pairs.

    Raises:
        OptionError: an option is outside its range.
    """

    refreshed: ClassVar[bool] = True

    pairing: Literal["bank", "batch"] = "batch"  #: compared with the whole train split's codes, or with the batch
    mu: float = 1.0  #: μ, weight of the labels' term
    nu: float = 1.0  #: ν, weight of the size of W
    eta: float = 0.1  #: η, weight of the distance between relaxed and discrete codes
    pull: bool = True  #: whether the network feels η's term, or the discrete codes alone do
    sweeps: int = 10  #: of W and all bits, before each epoch

    def __post_init__(self) -> None:
        if self.mu < 0 or self.eta < 0 or not self.nu > 0 or self.sweeps < 1:
            raise OptionError(
                f"dsdh.mu is {self.mu}, dsdh.nu {self.nu}, dsdh.eta {self.eta}, dsdh.sweeps {self.sweeps}",
                hint="nu is positive, mu and eta at least 0, and one sweep is the least",
            )

    def head(self, *, bits: int, classes: int, seed: int) -> "DiscreteCodes":  # noqa: ARG002 - nothing is drawn
        """Discrete codes and W, of no items until they are refreshed."""
        return DiscreteCodes(bits=bits, classes=classes)

    def refresh(self, codes: Tensor, labels: Tensor, step: TrainStep) -> None:
        """Goes on from the discrete codes of the last epoch; the first ones are the signs."""
        head = head_of(step, DiscreteCodes)
        b = head.codes if len(head.codes) else sign(codes)
        for _ in range(self.sweeps):
            weight = label_map(b, labels, mu=self.mu, nu=self.nu)
            b = swept_codes(b, codes, labels, weight, mu=self.mu, eta=self.eta)
        head.codes = b
        head.weight = label_map(b, labels, mu=self.mu, nu=self.nu)

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        """The formula above; softplus does not overflow."""
        head = head_of(step, DiscreteCodes)
        b = head.of(step)
        theta = relaxed @ pairs.codes.T / 2
        likelihood = (softplus(theta) - pairs.similar * theta).mean()
        items = self.mu * (labels - b @ head.weight).square().sum()
        if self.pull:
            items = items + self.eta * (b - relaxed).square().sum()
        return likelihood + items / relaxed.numel() + self.nu * head.weight.square().sum() / head.codes.numel()


class DiscreteCodes(nn.Module):
    """A discrete code for each item of the train split, and what maps codes to labels.

    Args:
        bits: code length K.
        classes: C.

    Attributes:
        codes: b, (items, bits) float in {-1, +1}.
        weight: W, (bits, classes) float.
    """

    codes: Tensor
    weight: Tensor

    def __init__(self, *, bits: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.empty(0, bits))
        self.register_buffer("weight", torch.zeros(bits, classes))

    def of(self, step: TrainStep) -> Tensor:
        """The codes of a batch's items: (n, bits).

        Raises:
            ContractError: the step does not say which items they are, or there are no codes yet.
        """
        if step.indices is None or not len(self.codes):
            missing = "step.indices" if step.indices is None else "code of any item"
            raise ContractError(
                f"the loss needs the discrete codes of its batch and found no {missing}",
                hint="refresh the objective before an epoch, and say which items a batch has, as"
                " robusthash.training.ObjectiveStep does",
            )
        return self.codes[step.indices]


def label_map(codes: Tensor, labels: Tensor, *, mu: float, nu: float) -> Tensor:
    """Ridge regression of labels on codes, ``W = (mu B^T B + nu I)^-1 mu B^T Y`` with items as rows.

    In double precision: bits that are alike for all items make the matrix nearly singular.

    Args:
        codes: B, (items, bits) float.
        labels: Y, (items, classes) float.
        mu: weight of the error.
        nu: weight of the size of W; positive.

    Returns:
        (bits, classes) float, of the codes' dtype.

    >>> label_map(torch.tensor([[1.0], [-1.0], [1.0]]), torch.tensor([[1.0], [0.0], [1.0]]), mu=1.0, nu=1.0)
    tensor([[0.5000]])
    """
    b, y = codes.double(), labels.double()
    damping = nu * torch.eye(b.shape[1], dtype=b.dtype, device=b.device)
    weight: Tensor = torch.linalg.solve(mu * b.T @ b + damping, mu * b.T @ y)
    return weight.to(codes)


def swept_codes(codes: Tensor, relaxed: Tensor, labels: Tensor, weight: Tensor, *, mu: float, eta: float) -> Tensor:
    """One sweep of discrete cyclic coordinate descent: each bit of all items in turn, given the others.

    Minimises ``mu ||y - W^T b||^2 + eta ||b - u||^2`` of each item over one bit at a time: with W's row w of that bit,
    and W' and b' without it, ``b_k = sgn(mu <w, y> + eta u_k - mu <W'^T b', w>)``.

    Args:
        codes: b, (items, bits) float in {-1, +1}, the start.
        relaxed: u, (items, bits) float.
        labels: y, (items, classes) float.
        weight: W, (bits, classes) float.
        mu: weight of the error.
        eta: weight of the distance.

    Returns:
        (items, bits) float in {-1, +1}.

    >>> one = torch.ones(1, 1)
    >>> swept_codes(one, -one, one, 2 * one, mu=1.0, eta=1.0), swept_codes(one, -one, one, 2 * one, mu=1.0, eta=3.0)
    (tensor([[1.]]), tensor([[-1.]]))
    """
    swept = codes.clone()
    wanted = mu * labels @ weight.T + eta * relaxed
    gram = mu * weight @ weight.T
    others = gram - gram.diagonal().diag()
    for bit in range(codes.shape[1]):
        swept[:, bit] = sign(wanted[:, bit] - swept @ others[:, bit])
    return swept
