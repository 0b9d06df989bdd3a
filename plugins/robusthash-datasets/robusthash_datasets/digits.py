"""Handwritten digits: 1,797 real images that ship with scikit-learn, without a download."""

from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from torch import Tensor

from robusthash.contracts import IMAGE, TEXT, ArrayTexts, Dataset, DatasetContext, Modality, RetrievalData, Split
from robusthash.errors import DatasetError
from robusthash_datasets.digit_words import VOCABULARY, digit_words
from robusthash_datasets.drawing.draws import per_group
from robusthash_datasets.images.memory import in_memory, one_hot

_FILE = "datasets/data/digits.csv.gz"  #: in scikit-learn's folder
_KEY = "robusthash digits 1"
_DIGEST = "ccec6f9dae083e6f3c7511f226c3720289c5cd72a6fe58be6764d8d1c8e29951"


@dataclass(frozen=True, kw_only=True)
class Digits(Dataset):
    """The test set of the UCI optical recognition of handwritten digits (Alpaydin and Kaynak, 1998).

    An image is 8x8 with 17 levels. Here it has three equal channels of 16x16, each pixel a 2x2 block, on the 8-bit
    scale. 30 images of each digit are queries, all others are the database, and 100 of each digit in it are the train
    split. The draw is fixed.
    """

    texts: bool = False  #: a bag of words beside each image, made from its strokes and its label by a fixed rule

    def load(self, context: DatasetContext) -> RetrievalData:
        """The splits, in memory.

        Raises:
            DatasetError: this version of scikit-learn ships other digits.
        """
        images, targets = _original()
        small = np.rint(images * (255 / 16)).astype(np.uint8)
        pixels = np.repeat(small.repeat(2, axis=1).repeat(2, axis=2)[..., None], 3, axis=3)
        labels = [int(label) for label in targets]
        native = _splits(pixels, labels, None)
        if native.digest != _DIGEST:
            raise DatasetError(
                f"the digits of scikit-learn {version('scikit-learn')} have digest {native.digest}, not {_DIGEST}",
                hint="install a version of scikit-learn with the original digits, such as 1.4",
            )
        size = context.image_size
        data = native if size in (None, pixels.shape[1]) else _splits(pixels, labels, size)
        return _with_texts(data, digit_words(images, targets)) if self.texts else data


def _original() -> tuple[np.ndarray, np.ndarray]:
    """What scikit-learn's ``load_digits`` gives: images, (1797, 8, 8) float from 0 to 16, and labels, (1797,)."""
    # Its file is read without it: importing scikit-learn takes a second, in every process that computes.
    package = find_spec("sklearn")
    file = Path(package.origin).parent / _FILE if package is not None and package.origin is not None else None
    if file is None or not file.is_file():  # another version may keep it elsewhere
        from sklearn.datasets import load_digits

        bunch = load_digits()
        return bunch.images, bunch.target
    table = np.loadtxt(file, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1]


def _with_texts(data: RetrievalData, texts: Tensor) -> RetrievalData:
    """The same items with texts, (1797, 96) float32, beside their images."""
    modality = Modality.text(len(VOCABULARY), tags=True)

    def paired(split: Split) -> Split:
        chosen = texts[[int(row) for row in split.ids]]
        return replace(split, views={IMAGE: split.images, TEXT: ArrayTexts(chosen, modality, VOCABULARY)})

    query, database, train = paired(data.query), paired(data.database), paired(data.train)
    return replace(data, name="pairs-digits", query=query, database=database, train=train)


def _splits(pixels: np.ndarray, labels: list[int], size: int | None) -> RetrievalData:
    query = per_group(labels, 30, f"{_KEY} query")
    database = sorted(set(range(len(labels))) - set(query))
    train = [database[i] for i in per_group([labels[i] for i in database], 100, f"{_KEY} train")]

    def split(name: str, rows: list[int]) -> Split:
        return Split.of_images(
            name=name,
            images=in_memory(pixels[rows], size),
            labels=one_hot([labels[row] for row in rows], 10),
            ids=tuple(str(row) for row in rows),
        )

    return RetrievalData(
        name="digits",
        classes=tuple("0123456789"),
        query=split("query", query),
        database=split("database", database),
        train=split("train", train),
        epsilon=0.3,
        epsilon_l2=1.5,
        backbone="small-cnn",
    )
