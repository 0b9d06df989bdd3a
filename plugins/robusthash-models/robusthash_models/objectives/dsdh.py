"""DSDH, deep supervised discrete hashing (Li, Sun, He and Tan, NeurIPS 2017)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from robusthash.contracts import Pairs, TrainStep
from robusthash.devices import as_double
from robusthash.errors import ContractError, OptionError
from robusthash.hashing import sign
from robusthash_models.objectives.heads import head_of
from robusthash_models.objectives.relaxed import Relaxed


@dataclass(frozen=True, kw_only=True)
class DSDH(Relaxed):
    """The likelihood of the pairs, and a pull of the relaxed codes to discrete ones that fit the labels.

    With ``theta_ij = <u_i, u_j> / 2``, discrete codes b_i in {-1, +1}^K of all N items of the train split, and a linear
    map W from codes to labels y (one or several per item), for the B items of a batch::

        L = mean_ij (log(1 + exp theta_ij) - s_ij theta_ij)
            + sum_i (mu ||y_i - W^T b_i||^2 + eta ||b_i - u_i||^2) / (B K)  +  nu ||W||^2 / (N K)

    The network is trained on the first term and the ``eta`` term. Before each epoch, all terms but the first are
    minimised over W and b in turn, on the whole train split: W in closed form, b bit by bit (discrete cyclic coordinate
    descent). With ``mu = 0`` the codes are ``sgn u`` at the start of the epoch, and the loss is nearly DPSH's.

    Public PyTorch code has no ``eta`` term in the network's loss: there the labels have no effect beyond the pairs.

    Raises:
        OptionError: an option is outside its range.
    """

    refreshed: ClassVar[bool] = True

    pairing: Literal["bank", "batch"] = "batch"  #: compare with the codes of the whole train split, or of the batch
    mu: float = 1.0  #: μ, weight of the regression of the labels
    nu: float = 1.0  #: ν, weight of the norm of W
    eta: float = 0.1  #: η, weight of the distance between relaxed and discrete codes
    pull: bool = True  #: whether the network's loss has the η term, or only the update of the discrete codes
    sweeps: int = 10  #: updates of W and of all bits before each epoch

    def __post_init__(self) -> None:
        if self.mu < 0 or self.eta < 0 or not self.nu > 0 or self.sweeps < 1:
            raise OptionError(
                f"dsdh.mu is {self.mu}, dsdh.nu {self.nu}, dsdh.eta {self.eta}, dsdh.sweeps {self.sweeps}",
                hint="use nu > 0, mu >= 0, eta >= 0 and sweeps >= 1",
            )

    def head(self, *, bits: int, classes: int, seed: int) -> "DiscreteCodes":  # noqa: ARG002 - nothing is drawn
        """Discrete codes and W, empty until the first refresh."""
        return DiscreteCodes(bits=bits, classes=classes)

    def refresh(self, codes: Tensor, labels: Tensor, step: TrainStep) -> None:
        """Updates the discrete codes of the previous epoch; the initial ones are the signs."""
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
    """A discrete code for each item of the train split, and the map from codes to labels.

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
            ContractError: the step does not name the items, or there are no codes yet.
        """
        if step.indices is None or not len(self.codes):
            missing = "step.indices" if step.indices is None else "code of any item"
            raise ContractError(
                f"the loss needs the discrete codes of its batch, but there is no {missing}",
                hint="refresh the objective before an epoch, and set step.indices, as"
                " robusthash.training.ObjectiveStep does",
            )
        return self.codes[step.indices]


def label_map(codes: Tensor, labels: Tensor, *, mu: float, nu: float) -> Tensor:
    """Ridge regression of labels on codes, ``W = (mu B^T B + nu I)^-1 mu B^T Y`` with items as rows.

    In double precision: constant bits make the matrix nearly singular.

    Args:
        codes: B, (items, bits) float.
        labels: Y, (items, classes) float.
        mu: weight of the error.
        nu: weight of the norm of W; positive.

    Returns:
        (bits, classes) float, of the codes' dtype.

    >>> label_map(torch.tensor([[1.0], [-1.0], [1.0]]), torch.tensor([[1.0], [0.0], [1.0]]), mu=1.0, nu=1.0)
    tensor([[0.5000]])
    """
    b, y = as_double(codes), as_double(labels)
    damping = nu * torch.eye(b.shape[1], dtype=b.dtype, device=b.device)
    weight: Tensor = torch.linalg.solve(mu * b.T @ b + damping, mu * b.T @ y)
    return weight.to(codes)


def swept_codes(codes: Tensor, relaxed: Tensor, labels: Tensor, weight: Tensor, *, mu: float, eta: float) -> Tensor:
    """One sweep of discrete cyclic coordinate descent: each bit of all items in turn, given the others.

    Minimises ``mu ||y - W^T b||^2 + eta ||b - u||^2`` of each item over one bit at a time: with W's row w of that bit,
    and W' and b' without it, ``b_k = sgn(mu <w, y> + eta u_k - mu <W'^T b', w>)``.

    Args:
        codes: b, (items, bits) float in {-1, +1}, to start from.
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
