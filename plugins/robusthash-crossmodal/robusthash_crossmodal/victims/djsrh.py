"""DJSRH, deep joint-semantics reconstructing hashing (Su et al., ICCV 2019): without labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize, tanh

from robusthash.contracts import IMAGE, TEXT, CrossModalObjective, PairedBatch, TrainStep
from robusthash.errors import OptionError
from robusthash_crossmodal.victims.heads import head_of
from robusthash_crossmodal.victims.necks import check_width, image_neck


@dataclass(frozen=True, kw_only=True)
class DJSRH(CrossModalObjective):
    """Reconstructs, from the codes, how alike items are by what is known of them without labels.

    With the cosines of image features before the training, S_I, and of texts, S_T::

        S = mu [(1 - eta) S~ + eta S~ S~ / n],  S~ = beta S_I + (1 - beta) S_T
        L = lambda1 mse(B_I B_I', S) + mse(B_I B_T', S) + lambda2 mse(B_T B_T', S)

    where B are the batch's relaxed codes with rows of length 1: ``tanh(sqrt(epoch + 1) f)``. Features are those of
    the train split less their mean. The paper takes ``2 cos - 1`` of features as they are, which suits its AlexNet:
    where features are positive and alike, as those of other networks, all items are then similar, and all codes equal.
    The released code draws its split anew, without a seed, in each run.
    """

    guided: ClassVar[bool] = True

    text: str = "words-mlp"  #: feature network of the texts
    hidden: int | None = 512  #: width of a layer between image features and hash layer; published: none
    beta: float = 0.3  #: share of the images in what is alike; published: .9 MIRFlickr, .6 NUS-WIDE, .3 Wiki
    eta: float = 0.4  #: share of the neighbours' neighbours
    mu: float = 3.0  #: scale of the target similarities; published: 1.5, of ``2 cos - 1``
    lambda1: float = 0.1  #: weight of the pairs of images; .3 for Wiki
    lambda2: float = 0.1  #: weight of the pairs of texts; .3 for Wiki
    centred: bool = True  #: cosines of features less their mean; otherwise ``2 cos - 1`` of features as they are

    def __post_init__(self) -> None:
        check_width(self.hidden)
        if not (0 <= self.beta <= 1 and 0 <= self.eta <= 1):
            raise OptionError(f"beta={self.beta}, eta={self.eta}", hint="both from 0 to 1")
        if not self.mu > 0 or min(self.lambda1, self.lambda2) < 0:
            raise OptionError(
                f"mu={self.mu}, lambda1={self.lambda1}, lambda2={self.lambda2}", hint="mu above 0, weights not below"
            )

    @property
    def networks(self) -> Mapping[str, str]:
        """The text network."""
        return {TEXT: self.text}

    def neck(self, modality: str, width: int) -> tuple[nn.Module, int] | None:
        """A fully connected layer with ReLU over image features, if there is to be one."""
        return image_neck(modality, width, self.hidden)

    def head(self, *, bits: int, classes: int, seed: int) -> "Means":  # noqa: ARG002 - nothing is drawn
        """The mean of each modality's features."""
        return Means()

    def prepare(self, start: Mapping[str, Tensor], labels: Tensor, step: TrainStep) -> None:  # noqa: ARG002
        """Computes the means."""
        means = head_of(step, Means)
        means.image, means.text = start[IMAGE].mean(0), start[TEXT].mean(0)

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:
        """``tanh(sqrt(epoch + 1) f)``: nearer to the signs in every epoch."""
        return tanh((step.epoch + 1) ** 0.5 * logits)

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        """The three reconstructions."""
        image, text = batch.towers[IMAGE], batch.towers[TEXT]
        means = head_of(step, Means)
        wanted = self.similarities(self._cosines(image.start, means.image), self._cosines(text.start, means.text))
        images, texts = normalize(image.relaxed, dim=1), normalize(text.relaxed, dim=1)
        within = self.lambda1 * mse_loss(images @ images.T, wanted) + self.lambda2 * mse_loss(texts @ texts.T, wanted)
        return within + mse_loss(images @ texts.T, wanted)

    def similarities(self, images: Tensor, texts: Tensor) -> Tensor:
        """S, (n, n) float, of a batch's similarities by images, S_I, and by texts, S_T."""
        joint = self.beta * images + (1 - self.beta) * texts
        return self.mu * ((1 - self.eta) * joint + self.eta * joint @ joint / len(joint))

    def _cosines(self, features: Tensor, mean: Tensor) -> Tensor:
        unit = normalize(features - mean if self.centred else features, dim=1)
        return unit @ unit.T if self.centred else 2 * unit @ unit.T - 1


class Means(nn.Module):
    """Means of what is known of the train items before the training, by modality."""

    image: Tensor
    text: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("image", torch.empty(0))
        self.register_buffer("text", torch.empty(0))
