"""CPAH, multi-task consistency-preserving adversarial hashing (Xie et al., IEEE TIP 2020)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, softplus

from robusthash.contracts import IMAGE, TEXT, CrossModalObjective, PairedBatch, Randomness, TrainStep, seeded
from robusthash.errors import OptionError
from robusthash.hashing import sign
from robusthash_crossmodal.victims.dcmh import SharedCodes, pair_weights
from robusthash_crossmodal.victims.heads import head_of

_GOLDEN = 0.6180339887498949  #: its multiples, modulo 1, fill [0, 1] evenly
_SMALL = 1e-12  #: added to squared lengths, whose root has no gradient at 0


@dataclass(frozen=True, kw_only=True)
class CPAH(CrossModalObjective):
    """Parts what both modalities know of an item from what one alone does, and hashes the common part.

    A mask splits the features of each tower into common ones, ``c = f m(f)``, and private ones, ``p = f - c``. With
    the codes ``u`` of the common ones, ``theta_ij = <u_i^image, u_j^text> / 2``, and ``B`` the signs of the towers'
    sum, the towers minimise over the n items of a batch::

        [ sum_ij (log(1 + exp theta_ij) - s_ij theta_ij) + beta sum_i (||B_i - u_i^image||^2 + ||B_i - u_i^text||^2)
          + alpha (consistency + labels) + gamma deception ] / n^2

    ``consistency`` is the sum of the cross-entropies of a classifier that tells private of images, common, and private
    of texts; ``labels`` that of the labels as told from the common features; ``deception`` is
    ``-mean_i log sigmoid D(c_i^text)``. The discriminator D tells the common features of images from those of texts::

        -mean log sigmoid D(c^image) - mean log(1 - sigmoid D(c^text)) + 10 mean (||grad D(x)|| - 1)^2

    at ``x = a c^image + (1 - a) c^text`` with a in [0, 1]. Both sides take their steps at once: the loss is the sum of
    the two, the common features are constants in the second and D's parameters in the first.
    """

    banked: ClassVar[bool] = True

    text: str = "words-mlp/cpah"  #: feature network of the texts
    hidden: int = 512  #: width of the features that are split
    alpha: float = 0.1  #: weight of the classifiers of consistency and of labels
    beta: float = 1.0  #: weight of the distance from the shared codes
    gamma: float = 100.0  #: weight of the deception of the discriminator; with 0 there is none
    balance: bool = True  #: similar and dissimilar pairs count as much as one another; published: false

    def __post_init__(self) -> None:
        if min(self.alpha, self.beta, self.gamma) < 0 or self.hidden < 8:
            raise OptionError(
                f"alpha={self.alpha}, beta={self.beta}, gamma={self.gamma}, hidden={self.hidden}",
                hint="no weight may be negative, and the width is at least 8",
            )

    @property
    def networks(self) -> Mapping[str, str]:
        """The text network."""
        return {TEXT: self.text}

    def neck(self, modality: str, width: int) -> tuple[nn.Module, int]:
        """Fully connected layers with batch normalisation and ReLU, two for images and one for texts; then the mask."""
        layers: list[nn.Module] = []
        for _ in range(2 if modality == IMAGE else 1):
            layers += [nn.Linear(width, self.hidden), nn.BatchNorm1d(self.hidden), nn.ReLU()]
            width = self.hidden
        return nn.Sequential(nn.Sequential(*layers), Common(self.hidden)), self.hidden

    def head(self, *, bits: int, classes: int, seed: int) -> "Judges":
        """Discriminator, classifiers, and the shared codes."""
        with seeded(Randomness(seed=seed, purpose="cpah")):
            return Judges(bits, classes, self.hidden)

    def refresh(self, banks: Mapping[str, Tensor], labels: Tensor, step: TrainStep) -> None:  # noqa: ARG002
        """``B``, the signs of the towers' sum."""
        head_of(step, Judges).codes = sign(torch.stack(list(banks.values())).sum(0))

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        """What the towers minimise, and what the discriminator does."""
        assert step.indices is not None  # noqa: S101 - there is a batch
        judges, image, text = head_of(step, Judges), batch.towers[IMAGE], batch.towers[TEXT]
        codes, similar = judges.codes[step.indices], batch.similar[:, step.indices]
        theta = image.relaxed @ text.relaxed.T / 2
        weights = pair_weights(similar) if self.balance else torch.ones_like(similar)
        total = (weights * (softplus(theta) - similar * theta)).sum()
        total = total + self.beta * sum((codes - tower.relaxed).square().sum() for tower in (image, text))
        common = {name: tower.features for name, tower in batch.towers.items()}
        private = {name: tower.stages[-2] - tower.features for name, tower in batch.towers.items()}
        total = total + self.alpha * (judges.consistency(common, private) + judges.labelled(common, batch.labels))
        if not self.gamma:
            return total / theta.numel()
        total = total + self.gamma * judges.deception(common[TEXT])
        return total / theta.numel() + judges.told_apart(common[IMAGE], common[TEXT], step.iteration)


class Common(nn.Module):
    """The share of each feature that is common to the modalities: ``f sigmoid(W f + b)``.

    Args:
        width: number of features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mask = nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """Common features (n, width)."""
        return features * torch.sigmoid(self.mask(features))


class Judges(SharedCodes):
    """What is learnt beside the towers: a discriminator of modalities, and classifiers of consistency and labels.

    Args:
        bits: code length K.
        classes: number of labels.
        width: of the features.
    """

    def __init__(self, bits: int, classes: int, width: int) -> None:
        super().__init__(bits)
        self.discriminator = _judge(width, 1)
        self.parts = _judge(width, 3)
        self.classes = nn.ModuleDict({name: nn.Linear(width, classes) for name in (IMAGE, TEXT)})

    def consistency(self, common: Mapping[str, Tensor], private: Mapping[str, Tensor]) -> Tensor:
        """Cross-entropies of the kinds of features, summed: 0 private of images, 1 common, 2 private of texts."""
        kinds = ((private[IMAGE], 0), (common[IMAGE], 1), (common[TEXT], 1), (private[TEXT], 2))
        wanted = torch.cat([torch.full((len(part),), kind, device=part.device) for part, kind in kinds])
        return cross_entropy(self.parts(torch.cat([part for part, _ in kinds])), wanted, reduction="sum")

    def labelled(self, common: Mapping[str, Tensor], labels: Tensor) -> Tensor:
        """Cross-entropies of the labels as told from the common features, summed over items, labels and towers."""
        found = [
            binary_cross_entropy_with_logits(self.classes[name](part), labels, reduction="sum")
            for name, part in common.items()
        ]
        return torch.stack(found).sum()

    def deception(self, texts: Tensor) -> Tensor:
        """How far common features of texts are from being taken for those of images; the discriminator is constant."""
        constant = {name: part.detach() for name, part in self.discriminator.named_parameters()}
        said: Tensor = functional_call(self.discriminator, constant, (texts,))
        return softplus(-said).mean()

    def told_apart(self, images: Tensor, texts: Tensor, iteration: int) -> Tensor:
        """What the discriminator minimises; the features are constants.

        The published penalty draws a mixture for each item. Here a batch has one share, and the shares of successive
        batches fill [0, 1] evenly: the loss stays a function of its arguments.
        """
        images, texts = images.detach(), texts.detach()
        share = iteration * _GOLDEN % 1
        mixed = (share * images + (1 - share) * texts).requires_grad_()
        (slope,) = torch.autograd.grad(self.discriminator(mixed).sum(), mixed, create_graph=True)
        steepness = (slope.square().sum(1) + _SMALL).sqrt()
        mistaken = softplus(-self.discriminator(images)).mean() + softplus(self.discriminator(texts)).mean()
        return mistaken + 10 * (steepness - 1).square().mean()


def _judge(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width // 8), nn.ReLU(), nn.Linear(width // 8, outputs))
