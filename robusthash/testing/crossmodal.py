"""A toy victim with two towers, and items that are images and texts, to try a direction on."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from robusthash.contracts import (
    IMAGE,
    TEXT,
    ArrayImages,
    ArrayTexts,
    CrossModalHashModel,
    Dataset,
    DatasetContext,
    Finding,
    HashModel,
    Modality,
    ReadyModel,
    RetrievalData,
    Split,
)
from robusthash.errors import UsageError
from robusthash.pixels import to_levels
from robusthash.testing.victims import CLASSES, SIDE, toy_images, toy_squares, toy_words

WORDS = 3  #: of each class, in a toy text


class ToyTower(HashModel):
    """Scores an input against each class, and gives the classes' codes by these scores: towers of one seed agree.

    Args:
        prototypes: (classes, ...) float, what an input of each class looks like.
        modality: of the inputs.
        bits: code length K.
        seed: of the classes' codes.
    """

    middle: Tensor
    prototypes: Tensor
    codes_of_classes: Tensor

    def __init__(self, prototypes: Tensor, modality: Modality, *, bits: int, seed: int) -> None:
        super().__init__()
        self.bits = bits
        self.modality = modality
        centred = prototypes.flatten(1) - prototypes.flatten(1).mean(0)
        self.register_buffer("middle", prototypes.flatten(1).mean(0))
        self.register_buffer("prototypes", centred / centred.norm(dim=1, keepdim=True).square())
        codes = torch.randint(2, (len(prototypes), bits), generator=torch.Generator().manual_seed(seed))
        self.register_buffer("codes_of_classes", 2.0 * codes - 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, bits) float."""
        scores = (inputs.flatten(1) - self.middle) @ self.prototypes.T
        logits: Tensor = scores @ self.codes_of_classes
        return logits


@dataclass(frozen=True, kw_only=True)
class ToyTowers(ReadyModel):
    """An image tower and a text tower over toy items."""

    length: int = 16  #: code length K
    seed: int = 0  #: of the classes' codes

    @property
    def bits(self) -> int:  # noqa: D102 - as in the base class
        return self.length

    def build(self, modalities: Mapping[str, Modality]) -> CrossModalHashModel:  # noqa: D102 - as in the base class
        wanted = {IMAGE: Modality.image(SIDE), TEXT: Modality.text(WORDS * CLASSES)}
        if dict(modalities) != wanted:
            raise UsageError("toy towers take toy items alone", hint="--dataset toy-pairs")
        prototypes = {IMAGE: toy_squares(), TEXT: _words(torch.arange(CLASSES))}
        return CrossModalHashModel(
            {
                name: ToyTower(prototypes[name], modality, bits=self.length, seed=self.seed)
                for name, modality in wanted.items()
            }
        )


@dataclass(frozen=True, kw_only=True)
class ToyPairs(Dataset):
    """Toy images, each with a text: the words of its class, each a little more or less there."""

    items: int = 200  #: of the database
    tags: bool = False  #: texts are bags of tags: a word is there or is not, and people edit them

    def load(self, context: DatasetContext) -> RetrievalData:  # noqa: ARG002, D102 - as in the base class
        return RetrievalData(
            name="toy-pairs",
            classes=tuple(f"class {i}" for i in range(CLASSES)),
            query=toy_pairs("query", 24, seed=5, tags=self.tags),
            database=toy_pairs("database", self.items, seed=6, tags=self.tags),
            train=toy_pairs("train", 40, seed=7, tags=self.tags),
            epsilon=0.1,
        )

    def verify(self, context: DatasetContext) -> list[Finding]:  # noqa: ARG002, D102 - as in the base class
        return []


def toy_pairs(name: str, count: int, *, seed: int, tags: bool = False) -> Split:
    """Toy items as images and as texts, in one split.

    Args:
        name: of the split.
        count: number of items; their labels go round.
        seed: of both views' noise.
        tags: whether a word is there or not, most of those of the class and few others; else by degrees.
    """
    images, labels = toy_images(count, seed=seed)
    noise = torch.rand(count, WORDS * CLASSES, generator=torch.Generator().manual_seed(seed))
    texts = 0.7 * _words(torch.arange(count) % CLASSES) + 0.3 * noise
    if tags:
        texts = (texts > 0.25).float()  # of other classes one word in six
    words = toy_words(WORDS * CLASSES) if tags else None
    modality = Modality.text(WORDS * CLASSES, tags=tags, vocabulary=words)
    return Split(
        name=name,
        views={IMAGE: ArrayImages(to_levels(images)), TEXT: ArrayTexts(texts, modality)},
        labels=labels,
        ids=tuple(f"{name}-{i}" for i in range(count)),
    )


def _words(classes: Tensor) -> Tensor:
    """(n, words of all classes) float in {0, 1}: each class has words of its own."""
    return one_hot(classes, CLASSES).float().repeat_interleave(WORDS, dim=1)
