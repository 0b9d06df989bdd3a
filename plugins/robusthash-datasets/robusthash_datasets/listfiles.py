"""The list files of the literature: which images a split has, and a row of zeros and ones for each.

Two layouts are in use. *Pairs* (ProS-GAN and its relatives): ``test_img.txt`` with a path a line beside
``test_label.txt`` with a row a line. *Columns* (HashNet, DeepHash): ``test.txt`` with ``path 0 1 0 ...`` a line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.errors import DatasetError


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A line that cannot be used.

    Attributes:
        where: file and line.
        what: what is wrong with it.
        kind: the same for all lines with the same fault.
    """

    where: str
    what: str
    kind: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """What a split's list files say.

    Attributes:
        file: the file with the paths.
        paths: as listed, but with forward slashes; item ``i`` is line ``i + 1``.
        labels: (n, classes) uint8; a row that cannot be used is all zeros.
        faults: the lines that cannot be used.
    """

    file: Path
    paths: tuple[str, ...]
    labels: Tensor
    faults: tuple[Fault, ...]

    def place(self, item: int) -> str:
        """File and line of an item."""
        return f"{self.file}:{item + 1}"


def read_listing(folder: Path, split: str) -> Listing:
    """Reads a split in whichever of the two layouts the folder has.

    Args:
        folder: with the list files.
        split: their stem, such as ``test``.

    Raises:
        DatasetError: no file, an empty one, or not a text.
    """
    pairs, columns = (folder / f"{split}_img.txt", folder / f"{split}_label.txt"), folder / f"{split}.txt"
    if pairs[0].is_file() and pairs[1].is_file():
        return _read_pairs(*pairs)
    if columns.is_file():
        return _read_columns(columns)
    raise DatasetError(
        f"no list of the {split} split in {folder}",
        hint=f"it needs {pairs[0].name} and {pairs[1].name}, or {columns.name} with a path and its labels in each line",
    )


def _read_pairs(paths_file: Path, labels_file: Path) -> Listing:
    paths = [line.strip().replace("\\", "/") for line in _lines(paths_file)]
    rows = _lines(labels_file)
    faults = [
        Fault(where=f"{paths_file}:{number}", what="the line is empty", kind="empty lines")
        for number, path in enumerate(paths, start=1)
        if not path
    ]
    if len(paths) != len(rows):
        shorter, longer = sorted(((len(paths), paths_file), (len(rows), labels_file)))
        what = f"{shorter[1].name} ends after {shorter[0]} lines, {longer[1].name} after {longer[0]}"
        faults.append(Fault(where=f"{longer[1]}:{shorter[0] + 1}", what=what, kind="lines without a counterpart"))
    kept = min(len(paths), len(rows))
    labels, bad = _labels((row.split() for row in rows[:kept]), labels_file, classes=len(rows[0].split()))
    return Listing(file=paths_file, paths=tuple(paths[:kept]), labels=labels, faults=(*faults, *bad))


def _read_columns(file: Path) -> Listing:
    lines = _lines(file)
    classes = _trailing(lines[0].split())
    if not classes:
        raise DatasetError(f"{file}:1: no labels after the path", hint="write a path and a 0 or 1 for each class")
    paths: list[str] = []

    def rows() -> Iterator[list[str]]:
        for line in lines:
            path, *row = line.strip().rsplit(None, classes) or [""]  # a path may hold spaces
            paths.append(path.replace("\\", "/"))
            yield row

    labels, faults = _labels(rows(), file, classes=classes)
    return Listing(file=file, paths=tuple(paths), labels=labels, faults=tuple(faults))


def _trailing(words: list[str]) -> int:
    """How many words at the end are 0 or 1; the first is a path whatever it is."""
    count = 0
    for word in reversed(words[1:]):
        if word not in {"0", "1"}:
            break
        count += 1
    return count


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file} is no UTF-8 text: byte {error.start}", hint="save the list as UTF-8") from error
    except OSError as error:
        raise DatasetError(f"cannot read {file}: {error.strerror}", hint="is it the list file?") from error
    lines = text.rstrip().split("\n")
    if lines == [""]:
        raise DatasetError(f"{file} is empty", hint="fetch it again")
    return lines


def _labels(rows: Iterable[list[str]], file: Path, *, classes: int) -> tuple[Tensor, list[Fault]]:
    """Rows of words to (n, classes) uint8, and the lines whose words are not that many zeros and ones."""
    faults: list[Fault] = []
    texts: list[str] = []
    for number, row in enumerate(rows, start=1):
        text = "".join(row)
        # As many words as letters: each word is one letter.
        if len(row) != classes or len(text) != classes or text.strip("01"):
            faults.append(_fault(row, f"{file}:{number}", classes))
            text = "0" * classes
        texts.append(text)
    digits = np.frombuffer(bytearray("".join(texts), "ascii"), dtype=np.uint8).reshape(len(texts), classes)
    return torch.from_numpy(digits - ord("0")), faults


def _fault(row: list[str], where: str, classes: int) -> Fault:
    if len(row) != classes:
        return Fault(where=where, what=f"{len(row)} labels, not {classes} as in line 1", kind="rows of another length")
    wrong = next(word for word in row if word not in {"0", "1"})
    return Fault(where=where, what=f"label {wrong!r} is neither 0 nor 1", kind="labels neither 0 nor 1")
