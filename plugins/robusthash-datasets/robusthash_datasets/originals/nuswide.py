"""NUS-WIDE: the list of its images, and a file of zeros and ones per concept (lms.comp.nus.edu.sg)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robusthash.errors import DatasetError
from robusthash_datasets.originals.annotated import Annotated, Original, find, lines_of, numbers_of

_LISTS = ("ImageList/Imagelist.txt", "ImageList/ImageList.txt", "Imagelist.txt", "ImageList.txt")
_LABELS = ("Groundtruth/AllLabels", "AllLabels")


@dataclass(frozen=True, kw_only=True)
class NusWide(Original):
    r"""``ImageList/Imagelist.txt`` with lines like ``concept\0001_2124494179.jpg``, and ``Groundtruth/AllLabels``."""

    most: int | None = None  #: number of the most frequent concepts to keep; None is all
    unlabelled: bool = False  #: whether to keep images without any of the concepts

    def read(self, source: Path) -> Annotated:  # noqa: D102 - as in the base class
        listed = find(source, _LISTS, "list of the images")
        # The listed folders are search terms; distributed copies of the images do not have them.
        paths = np.array([line.replace("\\", "/").rpartition("/")[2] for line in lines_of(listed)])
        unique, first = np.unique(paths, return_index=True)
        if len(unique) < len(paths):
            repeated = min(set(range(len(paths))) - set(first.tolist()))
            raise DatasetError(f"{listed}:{repeated + 1}: {paths[repeated]} is a duplicate", hint="unpack it again")
        folder = find(source, _LABELS, "folder with the labels")
        files = sorted(folder.glob("Labels_*.txt"), key=lambda file: file.name)
        if not files:
            raise DatasetError(f"no Labels_*.txt in {folder}", hint="unpack Groundtruth.zip again")
        labels = np.stack([_column(file, len(paths)) for file in files], axis=1)
        classes = [file.stem.removeprefix("Labels_") for file in files]
        if self.most is not None:
            totals = labels.sum(0, dtype=np.int64)
            frequent = sorted(np.argsort(-totals, kind="stable")[: self.most].tolist())
            labels, classes = labels[:, frequent], [classes[column] for column in frequent]
        everything = Annotated(paths=tuple(paths.tolist()), labels=labels, classes=tuple(classes))
        return everything if self.unlabelled else everything.take(np.flatnonzero(labels.any(1)))


def _column(file: Path, count: int) -> np.ndarray:
    numbers = np.array(numbers_of(file))
    if len(numbers) != count:
        raise DatasetError(f"{file} has {len(numbers)} lines for {count} images", hint="unpack the original again")
    wrong = np.flatnonzero((numbers != 0) & (numbers != 1))
    if len(wrong):
        raise DatasetError(f"{file}:{wrong[0] + 1}: {numbers[wrong[0]]} is neither 0 nor 1", hint="unpack it again")
    return numbers.astype(np.uint8)
