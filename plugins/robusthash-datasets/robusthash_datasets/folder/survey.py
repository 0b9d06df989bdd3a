"""What lies in a folder: pictures, folders and other files, seen once and in order."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from robusthash.errors import DatasetError

_KINDS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
#: Folders that systems and programs leave; like hidden ones, they are nobody's classes.
_LEFT = {"__macosx", "__pycache__", "@eadir", "lost+found", "$recycle.bin", "system volume information"}
_FOLLOWED = 2  #: levels whose links to folders are followed: those of splits and classes; deeper ones may be circles


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """A folder.

    Attributes:
        name: of the folder.
        path: relative to the surveyed one, with forward slashes; empty for that one itself.
        pictures: names of the picture files directly in it, sorted.
        others: names of its other files, sorted.
        folders: its folders, in the order of their names; without hidden ones.
    """

    name: str
    path: str
    pictures: tuple[str, ...]
    others: tuple[str, ...]
    folders: tuple["Survey", ...]

    @cached_property
    def count(self) -> int:
        """Number of pictures in it and below it."""
        return len(self.pictures) + sum(folder.count for folder in self.folders)

    @cached_property
    def filled(self) -> tuple["Survey", ...]:
        """Its folders with pictures in or below them."""
        return tuple(folder for folder in self.folders if folder.count)

    @cached_property
    def empty(self) -> tuple[str, ...]:
        """Names of its folders without any picture."""
        return tuple(folder.name for folder in self.folders if not folder.count)

    def paths(self) -> Iterator[str]:
        """Paths of all pictures in it and below it."""
        start = f"{self.path}/" if self.path else ""
        for name in self.pictures:
            yield start + name
        for folder in self.folders:
            yield from folder.paths()


def survey(root: Path) -> Survey:
    """Looks through a folder.

    Args:
        root: the folder.

    Raises:
        DatasetError: a folder cannot be read.
    """
    return _survey(root, root.name, "", 0)


def is_picture(name: str) -> bool:
    """Whether a file of this name is taken for a picture."""
    return Path(name).suffix.lower() in _KINDS and not name.startswith(".")


def _survey(place: Path, name: str, path: str, level: int) -> Survey:
    pictures, others, inside = [], [], []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=level < _FOLLOWED):
                    if entry.name.casefold() not in _LEFT:
                        inside.append(entry.name)
                elif is_picture(entry.name):
                    if not entry.is_dir():  # a link to a folder deep down, with the name of a picture
                        pictures.append(entry.name)
                else:
                    others.append(entry.name)
    except OSError as error:
        raise DatasetError(
            f"cannot read the folder {place}: {error.strerror or error}", hint="check its permissions, or move it away"
        ) from error
    start = f"{path}/" if path else ""
    return Survey(
        name=name,
        path=path,
        pictures=tuple(sorted(pictures)),
        others=tuple(sorted(others)),
        folders=tuple(_survey(place / each, each, start + each, level + 1) for each in sorted(inside)),
    )
