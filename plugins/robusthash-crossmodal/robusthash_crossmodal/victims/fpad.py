"""FPAD's networks, trained by its contrast to class codes (TCSVT 2025)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from robusthash.contracts import IMAGE, TEXT, CrossModalObjective, PairedBatch, Randomness, TrainStep, seeded
from robusthash.errors import OptionError
from robusthash_crossmodal.victims.heads import head_of

_STD = 0.2  #: of FpNet's initial weights


@dataclass(frozen=True, kw_only=True)
class FpadNet(CrossModalObjective):
    """Pulls the codes of both towers to the codes of their classes, which a small network learns from class means.

    With ``s_ic = -(K - <u_i, A_c>) / 2``, minus the Hamming distance of item i from the code of class c::

        pos_i = exp(tau mean_{c in y_i} s_ic / K)
        L = -mean_i log(pos_i / (pos_i + sum_{c not in y_i} exp(tau s_ic / K)))

    summed over the towers. The class codes A are ``tanh`` outputs of a network (FpNet) over the class means of what is
    known before the training: the image network's features beside the words. The released code computes the means by
    fuzzy c-means with m = 1.01, which is nearly hard, and matches the clusters to the classes by their order; means of
    a class's own items are matched by label. It trains class codes first, then new towers to their signs; here all is
    trained at once. An item without labels has no class to be pulled to, and no part in the loss.
    """

    guided: ClassVar[bool] = True

    text: str = "words-mlp"  #: feature network of the texts
    tau: float = 20.0  #: the contrast's inverse temperature
    hidden: tuple[int, ...] = (512,)  #: widths between features and hash layer; published: 2048 and 1024 of images
    text_hidden: tuple[int, ...] = (512,)  #: the same for texts; published: 1024
    dropout: float = 0.2  #: share of these layers' outputs that is dropped in training, but for the last layer's
    class_width: int = 512  #: width of FpNet's hidden layer; published: 1024

    def __post_init__(self) -> None:
        if min((*self.hidden, *self.text_hidden, self.class_width)) < 1:
            raise OptionError(
                f"hidden={self.hidden}, text_hidden={self.text_hidden}, class_width={self.class_width}",
                hint="every width is at least 1",
            )
        if not self.tau > 0 or not 0 <= self.dropout < 1:
            raise OptionError(f"tau={self.tau}, dropout={self.dropout}", hint="tau above 0, dropout from 0 below 1")

    @property
    def networks(self) -> Mapping[str, str]:
        """The text network."""
        return {TEXT: self.text}

    def neck(self, modality: str, width: int) -> tuple[nn.Module, int] | None:
        """Fully connected layers with batch normalisation, ReLU, and dropout between them."""
        layers: list[nn.Module] = []
        widths = self.hidden if modality == IMAGE else self.text_hidden
        for place, wanted in enumerate(widths):
            layers += [nn.Linear(width, wanted), nn.BatchNorm1d(wanted), nn.ReLU()]
            if place + 1 < len(widths):
                layers.append(nn.Dropout(self.dropout))
            width = wanted
        return (nn.Sequential(*layers), width) if layers else None

    def head(self, *, bits: int, classes: int, seed: int) -> "FpNet":
        """The network of the class codes."""
        with seeded(Randomness(seed=seed, purpose="fpnet")):
            return FpNet(classes, bits, self.class_width)

    def prepare(self, start: Mapping[str, Tensor], labels: Tensor, step: TrainStep) -> None:
        """Means of each class: of the image features beside the words, each normalised."""
        fused = torch.cat([normalize(start[name], dim=1) for name in sorted(start)], dim=1)
        head_of(step, FpNet).set_means(class_means(fused, labels))

    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        """The contrast of both towers to the class codes."""
        codes = head_of(step, FpNet)()
        losses = [contrast(tower.relaxed, codes, batch.labels, tau=self.tau) for tower in batch.towers.values()]
        return torch.stack(losses).sum()


class FpNet(nn.Module):
    """Class codes from class means: one hidden layer with ReLU, and tanh.

    Args:
        classes: number of classes.
        bits: code length K.
        width: of the hidden layer.
    """

    means: Tensor

    def __init__(self, classes: int, bits: int, width: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.empty(classes, 0))
        self.first = nn.Linear(1, width)
        self.second = nn.Linear(width, bits)
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight, std=_STD)

    def set_means(self, means: Tensor) -> None:
        """Takes the class means, (classes, d) float, and draws the first layer, whose width they have."""
        self.means = means
        self.first = nn.Linear(means.shape[1], self.first.out_features, device=means.device)
        nn.init.normal_(self.first.weight, std=_STD)

    def forward(self) -> Tensor:
        """Class codes (classes, bits) float in (-1, 1)."""
        return torch.tanh(self.second(torch.relu(self.first(self.means))))


def class_means(features: Tensor, labels: Tensor) -> Tensor:
    """Mean of each class's items, (classes, d); of a class without items, the mean of all.

    Args:
        features: (n, d) float.
        labels: (n, classes) float, multi-hot.
    """
    counts = labels.sum(0).unsqueeze(1)
    means = labels.T @ features / counts.clamp_min(1)
    return torch.where(counts > 0, means, features.mean(0))


def contrast(relaxed: Tensor, codes: Tensor, labels: Tensor, *, tau: float) -> Tensor:
    """FPAD's contrast of codes to the codes of their classes, averaged over the items with labels.

    Args:
        relaxed: (n, bits) float, u.
        codes: (classes, bits) float, A.
        labels: (n, classes) float, multi-hot.
        tau: inverse temperature.
    """
    similar = tau * (relaxed @ codes.T / codes.shape[1] - 1) / 2
    counts = labels.sum(1)
    own = (similar * labels).sum(1) / counts.clamp_min(1)
    others = similar.masked_fill(labels > 0, float("-inf"))
    losses = torch.logsumexp(torch.cat([own.unsqueeze(1), others], dim=1), dim=1) - own
    known = counts > 0
    return (losses * known).sum() / known.sum().clamp_min(1)
