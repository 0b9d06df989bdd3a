"""Corel-5K: 4,999 photographs labelled by words, or by their compact disc as the theme."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from robusthash.contracts import (
    IMAGE,
    TEXT,
    ArrayTexts,
    DatasetContext,
    FileImages,
    Finding,
    Findings,
    Inputs,
    Modality,
    RetrievalData,
    Split,
)
from robusthash.errors import DatasetError, OptionError
from robusthash.files.archives import read_arrays
from robusthash.files.opening import there
from robusthash_datasets.images.fromfiles import FromFiles
from robusthash_datasets.images.memory import zeros_and_ones

_FOLDER = "corel5k"
_HINT = (
    "it was sold on discs and cannot be downloaded; put the photographs in corel5k/images under --data-root, and add "
    "corel5k/annot.npz with name, Y (words, multi-hot), words, split (train or test) and cd (theme)"
)
_COUNTS = {"query": 499, "database": 4500, "train": 4500}
_CLASSES = {"words": 260, "themes": 50}
_NAMES = {("words", False): "corel5k", ("themes", False): "corel5k/themes", ("themes", True): "corel5k/pairs"}


@dataclass(frozen=True, kw_only=True)
class Corel5k(FromFiles):
    """Corel-5K (Duygulu et al., ECCV 2002), in its standard split: 499 test images are the queries.

    The 4,500 others are both database and train items. With ``words``, an image has up to five of 260 labels; with
    ``themes``, one of 50. Images of the same theme are often near-duplicates.
    """

    labels: Literal["words", "themes"] = "words"  #: labels that define similarity
    size: int = 128  #: height and width of the images, in pixels
    resize: int | None = None  #: length of the shorter side before the crop; none is 146 for 128, and in proportion
    texts: bool = False  #: the words as a text beside each image, with the themes as labels

    def __post_init__(self) -> None:
        if self.size < 1:
            raise OptionError(
                f"size={self.size}", hint="at least 1; the photographs have 128 pixels on the shorter side"
            )
        if self.texts and self.labels == "words":
            raise OptionError("texts are the words, and labels too", hint="labels=themes")

    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images are read on demand.

        Raises:
            DatasetError: the annotations are missing or malformed.
        """
        return self.finished(self._data(context), context)

    def verify(self, context: DatasetContext) -> list[Finding]:
        """Checks the counts."""
        data = self._data(context)
        found = Findings()
        counts = {name: len(getattr(data, name)) for name in _COUNTS}
        for name, count in counts.items():
            if count != _COUNTS[name]:
                what = f"{count} items, published: {_COUNTS[name]}"
                found.add("error", name, "counts", where=str(_place(context) / "annot.npz"), what=what)
        if len(data.classes) != _CLASSES[self.labels]:
            what = f"{len(data.classes)} {self.labels}, published: {_CLASSES[self.labels]}"
            found.add("error", "classes", "counts", where=str(_place(context) / "annot.npz"), what=what)
        return found.all() + (self.broken(data, context) if self.skip_broken else [])

    def prepare(self, context: DatasetContext, source: Path | None) -> str | None:  # noqa: ARG002 - nothing can be fetched
        """Explains where to put the files.

        Raises:
            DatasetError: always.
        """
        raise DatasetError("corel5k has to be installed by hand", hint=_HINT)

    def _data(self, context: DatasetContext) -> RetrievalData:
        place = _place(context)
        names, held, rows, classes, words = _annotations(place / "annot.npz", self.labels)
        size = context.image_size or self.size

        def split(name: str, wanted: np.ndarray) -> Split:
            ids = tuple(names[wanted].tolist())
            images = FileImages(
                place / "images", ids, size=size, resize=self.resize if size == self.size else None, remedy=_HINT
            )
            views: dict[str, Inputs] = {IMAGE: images}
            if self.texts:
                views[TEXT] = _texts(words[0][wanted], words[1])
            return Split(name=name, views=views, labels=torch.from_numpy(rows[wanted]), ids=ids)

        return RetrievalData(
            name=_NAMES[self.labels, self.texts],
            classes=classes,
            query=split("query", held),
            database=split("database", ~held),
            train=split("train", ~held),
            backbone="resnet18",
        )


def _place(context: DatasetContext) -> Path:
    if context.root is None:
        raise DatasetError("the folder of corel5k is not known", hint=f"give --data-root; {_HINT}")
    # --data-root may be the folder itself.
    return context.root if there(context.root / "annot.npz") else context.root / _FOLDER


_Tags = tuple[np.ndarray, tuple[str, ...]]  #: (n, words) uint8 of zeros and ones, and the words


def _texts(rows: np.ndarray, words: tuple[str, ...]) -> ArrayTexts:
    return ArrayTexts(torch.from_numpy(rows.astype(np.float32)), Modality.text(len(words), tags=True), words)


def _annotations(file: Path, labels: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...], _Tags]:
    """File names, a mask of the queries, (n, classes) uint8 labels, the names of the classes, and the words."""
    arrays = read_arrays(file, ("name", "split", "words", "cd", "Y"), hint=_HINT)
    names, split, words, themes, values = arrays.values()
    multi_hot = zeros_and_ones(values, f"{file}: Y", hint=_HINT)
    if multi_hot.shape != (len(names), len(words)) or not len(names) == len(split) == len(themes):
        raise DatasetError(f"{file}: {len(names)} names, labels {multi_hot.shape}, {len(words)} words", hint=_HINT)
    held = split == "test"
    if held.all() or not held.any():
        raise DatasetError(f"{file}: {int(held.sum())} of {len(held)} images are test images", hint=_HINT)
    tags = (multi_hot, tuple(str(word) for word in words))
    if labels == "words":
        return names, held, *tags, tags
    discs, numbers = np.unique(themes, return_inverse=True)
    return names, held, np.eye(len(discs), dtype=np.uint8)[numbers], tuple(f"theme {disc}" for disc in discs), tags
