"""The losses of ProS-GAN (Wang et al., CVPR 2021, eqs. 3 to 9; TMM: its extension in ProS-GAN_Trans)."""

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, softplus

from robusthash.hashing import sign

_QUANTISATION = 1e-4  #: weight of the distance between a prototype and its signs


def likelihood_loss(found: Tensor, codes: Tensor, related: Tensor) -> Tensor:
    """Negative log-likelihood of the pairs of prototypes and codes, and the distance of prototypes from their signs.

    With ``theta = <h, b> / 2``: the mean of ``softplus(theta) - s theta`` over pairs, where ``s`` is 1 for a pair that
    shares a label, else 0; plus ``1e-4`` times the squared distance from the signs per prototype.

    Args:
        found: (n, bits) float in (-1, 1), the prototypes.
        codes: (items, bits) float in {-1, +1}.
        related: (n, items) bool.
    """
    theta = found @ codes.T / 2
    pairs = (softplus(theta) - related.to(theta) * theta).mean()
    return pairs + _QUANTISATION * (sign(found) - found).square().sum() / len(found)


def mean_loss(outputs: Tensor, codes: Tensor) -> Tensor:
    """``1 - mean(tanh(f) h)``, the hashing loss of the generator: a scalar of two (n, bits)."""
    return 1 - (torch.tanh(outputs) * codes).mean()


def adaptive_loss(outputs: Tensor, codes: Tensor) -> Tensor:
    """``mean((p - 2) p) + 1`` with ``p = tanh(f) h``, the TMM version: the nearer a bit, the weaker it pulls."""
    agreement = torch.tanh(outputs) * codes
    return ((agreement - 2) * agreement).mean() + 1


def flagged(labels: Tensor, flag: float) -> Tensor:
    """What the discriminator is to say: (n, classes + 1) of labels (n, classes)."""
    return torch.cat([labels, labels.new_full((len(labels), 1), flag)], 1)


def discriminator_loss(clean: Tensor, attacked: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Half the squared errors on clean images, with their labels, and attacked ones, with their targets.

    Args:
        clean: (n, classes + 1) float, outputs for clean images.
        attacked: likewise for attacked images.
        labels: (n, classes) float.
        targets: likewise.
    """
    return (mse_loss(clean, flagged(labels, 0)) + mse_loss(attacked, flagged(targets, 1))) / 2


def deception_loss(attacked: Tensor, targets: Tensor) -> Tensor:
    """The squared error if the attacked images were clean ones with the target labels."""
    return mse_loss(attacked, flagged(targets, 0))
