"""Perceptrons over bags of words."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robusthash.contracts import Inputs, Modality, TextBackbone
from robusthash.errors import OptionError

_CHUNK = 1024  #: texts that are read at a time


@dataclass(frozen=True, kw_only=True)
class WordsMLP(TextBackbone):
    """Fully connected layers with ReLU over a bag of words, or over any text features.

    DCMH's text network is one layer of 8,192; FPAD's is 8,192 and 4,096 with batch normalisation and dropout
    (its third layer is the neck of ``fpad-net``).
    """

    widths: tuple[int, ...] = (1024,)  #: of the layers
    batch_norm: bool = False  #: batch normalisation before each ReLU
    dropout: float = 0.0  #: share of a layer's outputs that is dropped in training
    tfidf: bool = False  #: weight words by their rarity in the train split, and normalise a text's length, first

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise OptionError(f"widths={self.widths}", hint="the width of each layer, at least 1")
        if not 0 <= self.dropout < 1:
            raise OptionError(f"dropout={self.dropout}", hint="from 0, below 1")

    def build(self, modality: Modality) -> tuple[nn.Module, int]:
        """Layers from the words to the last width."""
        width = modality.shape[0]
        layers: list[nn.Module] = [TfIdf(width)] if self.tfidf else []
        for wanted in self.widths:
            layers.append(nn.Linear(width, wanted))
            if self.batch_norm:
                layers.append(nn.BatchNorm1d(wanted))
            layers.append(nn.ReLU())
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
            width = wanted
        return nn.Sequential(*layers), width

    def prepare(self, features: nn.Module, train: Inputs) -> None:
        """Counts the words' frequencies, if they are weighted."""
        weighting = next(features.children())
        if isinstance(weighting, TfIdf):
            weighting.count(train)


class TfIdf(nn.Module):
    """Words weighted by their rarity, and texts scaled to length 1: as scikit-learn's ``TfidfTransformer``.

    ``idf = log((1 + n) / (1 + texts with the word)) + 1``. A text without words stays zero.

    Args:
        words: size of the vocabulary.
    """

    idf: Tensor

    def __init__(self, words: int) -> None:
        super().__init__()
        self.register_buffer("idf", torch.ones(words))

    def count(self, texts: Inputs) -> None:
        """Sets the weights by the number of texts that have each word."""
        having = torch.zeros(len(self.idf))
        for start in range(0, len(texts), _CHUNK):
            having += (texts.inputs(range(start, min(start + _CHUNK, len(texts)))) > 0).sum(0)
        self.idf.copy_(torch.log((1 + len(texts)) / (1 + having)) + 1)

    def forward(self, texts: Tensor) -> Tensor:
        """Weighted texts, of the same shape."""
        return nn.functional.normalize(texts * self.idf, dim=1)
