"""DCMH, deep cross-modal hashing (Jiang and Li, CVPR 2017)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from robusthash.contracts import TEXT, CrossModalObjective, PairedBatch, TowerBatch, TrainStep
from robusthash.errors import OptionError
from robusthash.hashing import sign
from robusthash_crossmodal.victims.heads import head_of
from robusthash_crossmodal.victims.necks import check_width, image_neck


@dataclass(frozen=True, kw_only=True)
class DCMH(CrossModalObjective):
    """Likelihood of the pairs' similarities across the modalities, near binary codes that both towers share.

    With ``theta_ij = <f_i, G_j> / 2``, an image's relaxed code f_i and the texts' bank G, the image tower minimises::

        [ sum_ij (log(1 + exp theta_ij) - s_ij theta_ij) + gamma sum_i ||B_i - f_i||^2 + eta ||sum_j F_j||^2 ] / (N n)

    over the n images of a batch and the N texts of the train split (eq. 1); the text tower does the same with F and G
    swapped. ``B = sgn(F + G)`` is computed before each epoch, and ``sum_j F_j`` over the bank, with the batch's own
    rows as they are. The released code alternates the towers every epoch; here both learn from every batch: either
    way, each sees the other's codes as constants.
    """

    banked: ClassVar[bool] = True

    text: str = "words-mlp"  #: feature network of the texts
    hidden: int | None = 512  #: width of a layer between image features and hash layer; published: none
    bounded: bool = True  #: relaxed codes are tanh of the logits; otherwise the logits themselves, as published
    gamma: float = 1.0  #: weight of the distance from the shared codes
    eta: float = 0.0  #: weight of the balance of bits; published: 1, by which small sets collapse with adam
    balance: bool = True  #: similar and dissimilar pairs count as much as one another, where few are similar too

    def __post_init__(self) -> None:
        if min(self.gamma, self.eta) < 0:
            raise OptionError(f"gamma={self.gamma}, eta={self.eta}", hint="neither may be negative")
        check_width(self.hidden)

    @property
    def networks(self) -> Mapping[str, str]:
        """The text network."""
        return {TEXT: self.text}

    def neck(self, modality: str, width: int) -> tuple[nn.Module, int] | None:
        """A fully connected layer with ReLU over image features, if there is to be one."""
        return image_neck(modality, width, self.hidden)

    def head(self, *, bits: int, classes: int, seed: int) -> "SharedCodes":  # noqa: ARG002 - nothing is drawn
        """The codes B, one a train item."""
        return SharedCodes(bits)

    def refresh(self, banks: Mapping[str, Tensor], labels: Tensor, step: TrainStep) -> None:  # noqa: ARG002
        """``B = sgn(F + G)``."""
        head_of(step, SharedCodes).codes = sign(torch.stack(list(banks.values())).sum(0))

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002
        """``tanh f``, or the logits themselves."""
        return torch.tanh(logits) if self.bounded else logits

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        """The sum of both towers' losses, each against the other's bank."""
        assert step.indices is not None  # noqa: S101 - there is a batch
        codes = head_of(step, SharedCodes).codes[step.indices]
        weights = pair_weights(batch.similar) if self.balance else torch.ones_like(batch.similar)
        total = torch.zeros((), device=codes.device)
        for name, tower in batch.towers.items():
            for other, opposite in batch.towers.items():
                if other != name:
                    total = total + self._tower(tower, opposite.bank, codes, batch.similar, weights, step.indices)
        return total

    def _tower(
        self, tower: TowerBatch, opposite: Tensor, codes: Tensor, similar: Tensor, weights: Tensor, rows: Tensor
    ) -> Tensor:
        theta = tower.relaxed @ opposite.T / 2
        likelihood = (weights * (softplus(theta) - similar * theta)).sum()
        apart = (codes - tower.relaxed).square().sum()
        others = tower.bank.sum(0) - tower.bank[rows].sum(0)
        balance = (tower.relaxed.sum(0) + others).square().sum()
        return (likelihood + self.gamma * apart + self.eta * balance) / theta.numel()


class SharedCodes(nn.Module):
    """Binary codes of the train items, which the towers' codes are pulled to.

    Args:
        bits: code length K.
    """

    codes: Tensor

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.empty(0, bits))


def pair_weights(similar: Tensor) -> Tensor:
    """Weights of pairs, of mean 1, by which the similar and the dissimilar ones have the same sum.

    Args:
        similar: (n, m) float in {0, 1}.

    Returns:
        (n, m) float; ones if all pairs are of one kind.

    >>> pair_weights(torch.tensor([[1.0, 0.0, 0.0, 0.0]])).tolist()
    [[2.0, 0.6666666865348816, 0.6666666865348816, 0.6666666865348816]]
    """
    share = similar.mean()
    if share in (0, 1):
        return torch.ones_like(similar)
    return torch.where(similar > 0, 0.5 / share, 0.5 / (1 - share))
