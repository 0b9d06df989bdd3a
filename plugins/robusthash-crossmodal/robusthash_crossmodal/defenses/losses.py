"""What FPAD's training is made of: how strong the next attack is, and how far prototypes have moved. Pure functions."""

import torch
from torch import Tensor

from robusthash_crossmodal.fuzzy import memberships

#: How much of its strength an attack keeps at most where it won, by modality: images as released, texts likewise.
_SLOPES = {"image": 4.0, "text": 3.0}


def adapted_share(crafted: Tensor, prototypes: Tensor, labels: Tensor, *, modality: str) -> float:
    """The share of the full strength for the next attack on some items, by how the last one went.

    With ``z_ic = <u_i, A_c> / K``, an attack on item i has won unless the mean of its own classes' z is above that of
    every other class. If it won at least as often as not, the share is ``min((1 + a p) / 2, 1)``, where p is the mean
    over the items of ``exp(mean_own z) / sum_c exp(z)``, with ``a = 4`` for images and 3 for texts; else it is 1.

    Args:
        crafted: (n, bits) in {-1, +1}, codes of the last adversarial inputs.
        prototypes: (classes, bits) in {-1, +1}; rows of zeros are classes without a prototype.
        labels: (n, classes) in {0, 1}.
        modality: of the items.

    Returns:
        From 0.5 to 1.

    >>> one, two = torch.tensor([[1.0, 1.0]]), torch.tensor([[-1.0, -1.0]])
    >>> round(adapted_share(two, torch.cat([one, two]), torch.tensor([[1.0, 0.0]]), modality="image"), 4)
    0.7384
    """
    known = prototypes.any(1)
    own = labels[:, known].bool()
    rows = own.any(1) & ~own.all(1)
    if not rows.any():
        return 1.0
    own, similar = own[rows], crafted[rows].to(prototypes) @ prototypes[known].T / prototypes.shape[1]
    mine = (similar * own).sum(1) / own.sum(1)
    held = mine > similar.masked_fill(own, -torch.inf).amax(1)
    if held.sum() * 2 > len(held):
        return 1.0
    probability = (mine - torch.logsumexp(similar, dim=1)).exp().mean()
    return min((1 + _SLOPES.get(modality, _SLOPES["image"]) * float(probability)) / 2, 1.0)


def rectification(
    crafted: Tensor, clean: Tensor, prototypes: Tensor, before: Tensor, *, temperature: float, m: float
) -> Tensor:
    """How far the prototypes of clean and attacked items have moved from those before the training.

    The prototype ``M_c`` of a class is the mean of the items' codes, weighted by their memberships before the training.
    With ``w_c`` proportional to how much the memberships of the class have changed since, and of sum 1::

        L = -(1 / C) sum_c w_c log( exp(t <M_c, A_c> / K) / sum_c' exp(t <M_c, A_c'> / K) )

    ``M`` is a function of the attacked codes, so that the loss reaches the network.

    Args:
        crafted: (n, bits) float in [-1, 1], relaxed codes of attacked items, with their gradient.
        clean: (n, bits) float, codes of the same items as they are; constants.
        prototypes: (classes, bits) float in {-1, +1}, A, without rows of zeros.
        before: (n, classes) float, memberships of the items before the training; each row sums to 1.
        temperature: t.
        m: fuzziness of the memberships now.

    Returns:
        A scalar; 0 where no membership has changed.
    """
    bits = prototypes.shape[1]
    codes = torch.cat([crafted, clean.detach()])
    weights = before.repeat(2, 1).to(crafted)
    total = weights.sum(0)
    moved = weights.T @ codes / total.clamp_min(1e-6)[:, None]
    with torch.no_grad():
        change = (memberships(codes, prototypes, m) - weights).abs().mean(0) * (total > 0)
        change = (change / change.sum().clamp_min(1e-12)).to(crafted)
    agreement = torch.log_softmax(temperature * moved @ prototypes.T / bits, dim=1).diagonal()
    return -(change * agreement).mean()
