"""MIRFLICKR-25K: annotations v080, and the tags of its images (press.liacs.nl/mirflickr)."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robusthash.errors import DatasetError
from robusthash_datasets.originals.annotated import Annotated, Original, find, lines_of, numbers_of

IMAGES = 25_000
_ANNOTATIONS = ("mirflickr25k_annotations_v080", "annotations", ".")
_TAGS = ("mirflickr/meta/tags", "meta/tags", "tags")


@dataclass(frozen=True, kw_only=True)
class MirFlickr(Original):
    """``mirflickr25k_annotations_v080/``: a text file per label, with the numbers of its images.

    The files are read in alphabetical order, without the README. With the ``_r1`` files (labels in a narrower sense)
    there are 38 labels, without them the 24 of cross-modal retrieval.
    """

    narrow: bool = True  #: whether to include the ``_r1`` labels
    common_tags: int | None = None  #: keep only images with a tag that at least this many images have
    images: int = IMAGES  #: numbered from 1

    def read(self, source: Path) -> Annotated:  # noqa: D102 - as in the base class
        files = self._files(source)
        labels = np.zeros((self.images, len(files)), dtype=np.uint8)
        for column, file in enumerate(files):
            numbers = np.array(numbers_of(file))
            wrong = np.flatnonzero((numbers < 1) | (numbers > self.images))
            if len(wrong):
                line = int(wrong[0])
                raise DatasetError(
                    f"{file}:{line + 1}: no image has the number {numbers[line]}", hint=f"1 to {self.images}"
                )
            labels[numbers - 1, column] = 1
        paths = tuple(f"im{number}.jpg" for number in range(1, self.images + 1))
        everything = Annotated(paths=paths, labels=labels, classes=tuple(file.stem for file in files))
        if self.common_tags is None:
            return everything
        return everything.take(self._tagged(find(source, _TAGS, "folder with the tags"), self.common_tags))

    def _files(self, source: Path) -> list[Path]:
        for place in _ANNOTATIONS:
            # Sorted, because the file system's order would make the columns differ between machines.
            texts = sorted((source / place).glob("*.txt"), key=lambda file: file.name)
            files = [file for file in texts if "readme" not in file.name.lower()]
            kept = [file for file in files if self.narrow or not file.stem.endswith("_r1")]
            if kept:
                return kept
        raise DatasetError(f"no annotations in {source}", hint=f"unpack {_ANNOTATIONS[0]}.zip there")

    def _tagged(self, folder: Path, least: int) -> np.ndarray:
        tags = [set(lines_of(folder / f"tags{number}.txt")) - {""} for number in range(1, self.images + 1)]
        counts = Counter(tag for own in tags for tag in own)
        return np.array([row for row, own in enumerate(tags) if any(counts[tag] >= least for tag in own)], dtype=int)
