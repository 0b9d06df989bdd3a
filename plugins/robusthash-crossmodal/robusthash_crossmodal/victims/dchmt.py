"""DCHMT, differentiable cross-modal hashing via multimodal transformers (Tu et al., MM 2022): the loss."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.contracts import IMAGE, TEXT, CrossModalObjective, PairedBatch, TrainStep
from robusthash.errors import OptionError
from robusthash.training import share_label

_SMALL = 1e-8  #: added to squared distances, whose root has no gradient at 0


@dataclass(frozen=True, kw_only=True)
class DCHMT(CrossModalObjective):
    """Pulls similar items together and pushes others to a distance, across the towers and within each.

    A code is K choices between two values, relaxed by a softmax: the two halves of a choice are ``(1 + u) / 2`` and
    ``(1 - u) / 2`` with ``u = tanh(z / 2)``, where z is the difference of its two logits: one logit does.
    So the squared distance of two relaxed codes is ``d^2 = ||u - v||^2 / 2``, and with ``m^2 = 2 K vartheta``::

        l(U, V) = mean_ij [ s_ij d_ij^2 + (1 - s_ij) max(0, m - d_ij)^2 ]
        L = l(U_I, U_T) + within (l(U_I, U_I) + l(U_T, U_T)) + quantisation mean (1 - |u|)^2

    The pairs are those of a batch. The released code has another term for the quantisation.
    """

    text: str = "words-transformer"  #: feature network of the texts
    image: str | None = None  #: feature network of the images, where --backbone names none; none is the dataset's
    vartheta: float = 0.75  #: square of the margin, as a share of the largest distance's
    within: float = 1.0  #: weight of the pairs within a tower
    quantisation: float = 0.001  #: weight of the distance from binary codes

    def __post_init__(self) -> None:
        if not 0 < self.vartheta <= 1 or min(self.within, self.quantisation) < 0:
            raise OptionError(
                f"vartheta={self.vartheta}, within={self.within}, quantisation={self.quantisation}",
                hint="vartheta above 0 and at most 1, weights not below 0",
            )

    @property
    def networks(self) -> Mapping[str, str]:
        """The text network, and that of the images if the options name one."""
        return {TEXT: self.text} | ({IMAGE: self.image} if self.image else {})

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002
        """``tanh(z / 2)``: the difference of a softmax's two values."""
        return torch.tanh(logits / 2)

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:  # noqa: ARG002
        """Across and within the towers."""
        image, text = batch.towers[IMAGE].relaxed, batch.towers[TEXT].relaxed
        similar = share_label(batch.labels, batch.labels)
        apart = torch.stack([(1 - codes.abs()).square().mean() for codes in (image, text)]).mean()
        within = self._pairs(image, image, similar) + self._pairs(text, text, similar)
        return self._pairs(image, text, similar) + self.within * within + self.quantisation * apart

    def _pairs(self, left: Tensor, right: Tensor, similar: Tensor) -> Tensor:
        squared = (left.square().sum(1, keepdim=True) + right.square().sum(1) - 2 * left @ right.T).clamp_min(0) / 2
        margin = (2 * left.shape[1] * self.vartheta) ** 0.5
        distance = (squared + _SMALL).sqrt()
        losses: Tensor = similar * squared + (1 - similar) * (margin - distance).clamp_min(0).square()
        return losses.mean()
