"""Corel-5K: 4,999 photographs with words, and the compact disc that each was sold on as its theme."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from robusthash.contracts import DatasetContext, FileImages, Finding, RetrievalData, Split
from robusthash.errors import DatasetError, OptionError
from robusthash_datasets.fromfiles import FromFiles
from robusthash_datasets.verification import Findings

_FOLDER = "corel5k"
_HINT = (
    "it was sold on discs and cannot be fetched; put the photographs in corel5k/images under --data-root, and "
    "corel5k/annot.npz with name, Y (words, multi-hot), words, split (train or test) and cd (theme) beside them"
)
_COUNTS = {"query": 499, "database": 4500, "train": 4500}
_CLASSES = {"words": 260, "themes": 50}


@dataclass(frozen=True, kw_only=True)
class Corel5k(FromFiles):
    """Corel-5K (Duygulu et al., ECCV 2002), in its standard split: 499 test images are the queries.

    The 4,500 others are both database and train items. By ``words``, 260 columns, an image has none to five labels; by
    ``themes`` it has one of 50. Images of one theme are often near-duplicates.
    """

    labels: Literal["words", "themes"] = "words"  #: what makes two images similar
    size: int = 128  #: height and width of the images, in pixels
    resize: int | None = None  #: length of the shorter side before the crop; none: 146 for 128, and in proportion

    def __post_init__(self) -> None:
        if self.size < 1:
            raise OptionError(
                f"size={self.size}", hint="1 or more; the photographs have 128 pixels on the shorter side"
            )

    def load(self, context: DatasetContext) -> RetrievalData:
        """The splits; images are read when they are asked for.

        Raises:
            DatasetError: the annotations are missing or not as they should be.
        """
        return self.finished(self._data(context), context)

    def verify(self, context: DatasetContext) -> list[Finding]:
        """Checks the counts, the splits against each other, and every photograph."""
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
        return found.all() + self.findings(data, context)

    def prepare(self, context: DatasetContext, source: Path | None) -> str | None:  # noqa: ARG002 - nothing can be fetched
        """Says what to put where.

        Raises:
            DatasetError: always.
        """
        raise DatasetError("corel5k has to be put there by hand", hint=_HINT)

    def _data(self, context: DatasetContext) -> RetrievalData:
        place = _place(context)
        names, held, rows, classes = _annotations(place / "annot.npz", self.labels)
        size = context.image_size or self.size

        def split(name: str, wanted: np.ndarray) -> Split:
            ids = tuple(names[wanted].tolist())
            images = FileImages(
                place / "images", ids, size=size, resize=self.resize if size == self.size else None, remedy=_HINT
            )
            return Split.of_images(name=name, images=images, labels=torch.from_numpy(rows[wanted]), ids=ids)

        return RetrievalData(
            name="corel5k" if self.labels == "words" else "corel5k/themes",
            classes=classes,
            query=split("query", held),
            database=split("database", ~held),
            train=split("train", ~held),
            backbone="resnet18",
        )


def _place(context: DatasetContext) -> Path:
    if context.root is None:
        raise DatasetError("where is corel5k?", hint=f"give --data-root; {_HINT}")
    # The folder itself may be given, too.
    return context.root if (context.root / "annot.npz").is_file() else context.root / _FOLDER


def _annotations(file: Path, labels: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """File names, which are queries, (n, classes) uint8 rows, and the names of their columns."""
    try:
        with np.load(file) as kept:
            names, split, words, themes = kept["name"], kept["split"], kept["words"], kept["cd"]
            multi_hot = kept["Y"].astype(np.uint8)
    except FileNotFoundError:
        raise DatasetError(f"no {file}", hint=_HINT) from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"cannot read {file}: {error}", hint=_HINT) from error
    if multi_hot.shape != (len(names), len(words)) or not len(names) == len(split) == len(themes):
        raise DatasetError(f"{file}: {len(names)} names, labels {multi_hot.shape}, {len(words)} words", hint=_HINT)
    held = split == "test"
    if held.all() or not held.any():
        raise DatasetError(f"{file}: {int(held.sum())} of {len(held)} images are test images", hint=_HINT)
    if labels == "words":
        return names, held, multi_hot, tuple(str(word) for word in words)
    discs, numbers = np.unique(themes, return_inverse=True)
    return names, held, np.eye(len(discs), dtype=np.uint8)[numbers], tuple(f"theme {disc}" for disc in discs)
