"""PASCAL VOC 2012: the images of its classification task (host.robots.ox.ac.uk/pascal/VOC/voc2012)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robusthash.errors import DatasetError
from robusthash_datasets.originals.annotated import Annotated, Original, find, lines_of

_HOME = "VOCdevkit/VOC2012"


@dataclass(frozen=True, kw_only=True)
class Voc(Original):
    """``ImageSets/Main/trainval.txt`` with the images, and ``CLASS_trainval.txt`` with 1, 0 or -1 for each.

    A 0 is a class with only difficult instances in the image; it does not count.
    """

    def read(self, source: Path) -> Annotated:  # noqa: D102 - as in the base class
        folder = find(source, (f"{_HOME}/ImageSets/Main", "VOC2012/ImageSets/Main", "ImageSets/Main"), "ImageSets/Main")
        images = lines_of(folder / "trainval.txt")
        files = sorted(folder.glob("*_trainval.txt"), key=lambda file: file.name)
        if not files:
            raise DatasetError(f"no CLASS_trainval.txt in {folder}", hint="unpack VOCtrainval_11-May-2012.tar again")
        row = {name: i for i, name in enumerate(images)}
        labels = np.zeros((len(images), len(files)), dtype=np.uint8)
        for column, file in enumerate(files):
            for number, line in enumerate(lines_of(file), start=1):
                name, _, value = line.partition(" ")
                if name not in row or value.strip() not in {"-1", "0", "1"}:
                    raise DatasetError(f"{file}:{number}: {line!r}", hint="an image of trainval.txt, and -1, 0 or 1")
                labels[row[name], column] = value.strip() == "1"
        return Annotated(
            paths=tuple(f"{_HOME}/JPEGImages/{name}.jpg" for name in images),
            labels=labels,
            classes=tuple(file.name.removesuffix("_trainval.txt") for file in files),
        )
