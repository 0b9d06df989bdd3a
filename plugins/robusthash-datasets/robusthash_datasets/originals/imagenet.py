"""ImageNet (ILSVRC 2012): a folder per class, in train and in val (image-net.org)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robusthash.errors import DatasetError
from robusthash_datasets.originals.annotated import Annotated, Original, find, lines_of

_HINT = "sort the validation images into folders by class, and name the classes in classes.txt, one per line"


@dataclass(frozen=True, kw_only=True)
class ImageNet(Original):
    """``train/CLASS/*.JPEG`` and ``val/CLASS/*.JPEG``, of the classes in ``classes.txt``, or of all without it."""

    classes: int = 100  #: required number of classes

    def read(self, source: Path) -> Annotated:  # noqa: D102 - as in the base class
        train, val = (find(source, (part, f"ILSVRC2012/{part}"), f"folder {part}") for part in ("train", "val"))
        names = self._names(source, train)
        paths: list[str] = []
        owners: list[int] = []
        held: list[int] = []
        for part in (train, val):
            for owner, name in enumerate(names):
                found = sorted(file.name for file in (part / name).glob("*.JPEG"))
                if not found:
                    raise DatasetError(f"no images in {part / name}", hint=_HINT)
                if part is val:
                    held += range(len(paths), len(paths) + len(found))
                paths += [f"{part.relative_to(source).as_posix()}/{name}/{file}" for file in found]
                owners += [owner] * len(found)
        labels = np.zeros((len(paths), len(names)), dtype=np.uint8)
        labels[np.arange(len(paths)), owners] = 1
        return Annotated(paths=tuple(paths), labels=labels, classes=tuple(names), held_out=frozenset(held))

    def _names(self, source: Path, train: Path) -> list[str]:
        chosen = source / "classes.txt"
        if chosen.is_file():
            names = sorted({line for line in lines_of(chosen) if line})
        else:
            names = sorted(folder.name for folder in train.iterdir() if folder.is_dir())
        if len(names) != self.classes:
            raise DatasetError(f"{len(names)} classes in {chosen if chosen.is_file() else train}", hint=_HINT)
        return names
