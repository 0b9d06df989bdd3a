"""The annotations of an original distribution."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robusthash.errors import DatasetError
from robusthash.files.opening import read_file


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotated:
    """Images with labels, before any split.

    Attributes:
        paths: of the images, with forward slashes, in an order that depends only on the original.
        labels: (n, classes) uint8, multi-hot.
        classes: the label names.
        held_out: rows of the original's validation set.
    """

    paths: tuple[str, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    held_out: frozenset[int] = field(default_factory=frozenset)

    def take(self, rows: np.ndarray) -> "Annotated":
        """The given rows, in the given order, without ``held_out``."""
        return Annotated(
            paths=tuple(self.paths[row] for row in rows.tolist()), labels=self.labels[rows], classes=self.classes
        )


@dataclass(frozen=True, kw_only=True)
class Original(ABC):
    """A distribution that can be read."""

    @abstractmethod
    def read(self, source: Path) -> Annotated:
        """Reads its annotations.

        Args:
            source: the unpacked folder.

        Raises:
            DatasetError: a file is missing or wrong; the message names it.
        """


def find(source: Path, places: tuple[str, ...], what: str) -> Path:
    """The first of some paths, relative to the source, that exists.

    Raises:
        DatasetError: none does.
    """
    for place in places:
        if (source / place).exists():
            return source / place
    raise DatasetError(f"no {what} in {source}", hint=f"looked for {', '.join(places)}")


def lines_of(file: Path) -> list[str]:
    """The lines of a text file, stripped, without empty ones at the end.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        text = read_file(file).decode("utf-8-sig", errors="replace")  # users' tags have arbitrary encodings
    except OSError as error:
        raise DatasetError(f"cannot read {file}: {error.strerror}", hint="unpack the original again") from error
    return [line.strip() for line in text.rstrip().split("\n")]


def numbers_of(file: Path) -> list[int]:
    """The integer on each line of a text file.

    Raises:
        DatasetError: a line is not an integer; the message names it.
    """
    numbers = []
    for number, line in enumerate(lines_of(file), start=1):
        try:
            numbers.append(int(line))
        except ValueError:
            raise DatasetError(f"{file}:{number}: {line!r} is not a number", hint="unpack the original again") from None
    return numbers
