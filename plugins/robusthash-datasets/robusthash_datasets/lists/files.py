"""The list files of the literature: the images of a split, and a row of zeros and ones for each.

Two layouts are in use. *Pairs* (ProS-GAN and its relatives): ``test_img.txt`` with a path per line, and
``test_label.txt`` with a row per line. *Columns* (HashNet, DeepHash): ``test.txt`` with ``path 0 1 0 ...`` per line.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.errors import DatasetError
from robusthash.files.opening import read_file, there
from robusthash_datasets.lists import cache as listcache
from robusthash_datasets.lists.rows import Lines, read_rows, split_lines


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A bad line.

    Attributes:
        where: file and line.
        what: what is wrong with it.
        kind: equal for all lines with the same kind of fault.
        row: the item of the line; None if it is unknown, so that no item can be left out.
    """

    where: str
    what: str
    kind: str
    row: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The content of a split's list files.

    Attributes:
        file: the file with the paths.
        paths: as listed, but with forward slashes.
        labels: (n, classes) uint8; the row of a bad line is all zeros.
        faults: the bad lines.
        digests: SHA-256 of each list file, by its name.
        lines: the line of each item, from 1; None if item ``i`` is line ``i + 1``.
    """

    file: Path
    paths: tuple[str, ...]
    labels: Tensor
    faults: tuple[Fault, ...]
    digests: Mapping[str, str]
    lines: Sequence[int] | None = None

    def place(self, item: int) -> str:
        """File and line of an item."""
        return f"{self.file}:{item + 1 if self.lines is None else self.lines[item]}"

    def sound(self) -> "Listing":
        """The listing without the items of bad lines; faults without an item remain."""
        bad = {fault.row for fault in self.faults if fault.row is not None}
        if not bad:
            return self
        kept = [item for item in range(len(self.paths)) if item not in bad]
        return replace(
            self,
            paths=tuple(self.paths[item] for item in kept),
            labels=self.labels[kept],
            faults=tuple(fault for fault in self.faults if fault.row is None),
            lines=[item + 1 for item in kept],
        )


def list_files(folder: Path, split: str) -> tuple[Path, ...]:
    """A split's list files, in the layout of the folder; empty if it has neither layout."""
    pairs, columns = (folder / f"{split}_img.txt", folder / f"{split}_label.txt"), folder / f"{split}.txt"
    if all(there(file) for file in pairs):
        return pairs
    return (columns,) if there(columns) else ()


def read_listing(folder: Path, split: str, cache: Path | None = None) -> Listing:
    """Reads a split, in the layout of the folder.

    Args:
        folder: with the list files.
        split: their stem, such as ``test``.
        cache: folder where a listing without faults is cached.

    Raises:
        DatasetError: the file is missing, empty, or not a text.
    """
    files = list_files(folder, split)
    if not files:
        raise DatasetError(
            f"no list of the {split} split in {folder}",
            hint=f"add {split}_img.txt and {split}_label.txt, or {split}.txt with a path and its labels on each line",
        )
    contents = [_content(file) for file in files]
    digests = {file.name: hashlib.sha256(text).hexdigest() for file, text in zip(files, contents, strict=True)}
    kept = None if cache is None else listcache.read(cache, tuple(digests.values()))
    if kept is not None:
        paths, labels = kept
        return Listing(file=files[0], paths=paths, labels=torch.from_numpy(labels), faults=(), digests=digests)
    lines = [split_lines(text, file) for file, text in zip(files, contents, strict=True)]
    del contents
    listing = replace(_pairs(*lines) if len(lines) == 2 else _columns(*lines), digests=digests)
    if cache is not None and not listing.faults:
        listcache.write(cache, tuple(digests.values()), listing.paths, listing.labels.numpy())
    return listing


def _content(file: Path) -> bytes:
    try:
        return read_file(file)
    except OSError as error:
        raise DatasetError(f"cannot read {file}: {error.strerror}", hint="check that it is the list file") from error


def _pairs(paths: Lines, rows: Lines) -> Listing:
    names = [paths.text(line).replace("\\", "/") for line in range(len(paths))]
    kept = min(len(paths), len(rows))
    faults = [
        Fault(where=f"{paths.file}:{row + 1}", what="the line is empty", kind="empty lines", row=row)
        for row, path in enumerate(names[:kept])
        if not path
    ]
    if len(paths) != len(rows):
        shorter, longer = sorted((paths, rows), key=len)
        what = f"{shorter.file.name} ends after {len(shorter)} lines, {longer.file.name} after {len(longer)}"
        faults.append(Fault(where=f"{longer.file}:{len(shorter) + 1}", what=what, kind="lines without a counterpart"))
    classes = len(rows.text(0).split())
    labels, unusual = read_rows(rows, classes, after_path=False)
    for row in unusual:
        faults += _parse_row(labels, row, rows.text(row).split(), rows.file)
    faults = [fault for fault in faults if fault.row is None or fault.row < kept]
    return Listing(
        file=paths.file,
        paths=tuple(names[:kept]),
        labels=torch.from_numpy(labels[:kept]),
        faults=tuple(faults),
        digests={},
    )


def _columns(lines: Lines) -> Listing:
    classes = _trailing(lines.text(0).split())
    if not classes:
        raise DatasetError(f"{lines.file}:1: no labels after the path", hint="write a path and a 0 or 1 for each class")
    labels, unusual = read_rows(lines, classes, after_path=True)
    odd: dict[int, str] = {}
    faults: list[Fault] = []
    for row in unusual:
        path, *words = lines.text(row).rsplit(None, classes) or [""]  # a path may contain spaces
        odd[row] = path
        faults += _parse_row(labels, row, words, lines.file)
    before = 2 * classes  # the labels, the spaces between them, and the one after the path
    paths = (odd[row] if row in odd else lines.text(row, before) for row in range(len(lines)))
    return Listing(
        file=lines.file,
        paths=tuple(path.replace("\\", "/") for path in paths),
        labels=torch.from_numpy(labels),
        faults=tuple(faults),
        digests={},
    )


def _trailing(words: list[str]) -> int:
    """Number of words at the end that are 0 or 1; the first word is always the path."""
    count = 0
    for word in reversed(words[1:]):
        if word not in {"0", "1"}:
            break
        count += 1
    return count


def _parse_row(labels: np.ndarray, row: int, words: list[str], file: Path) -> list[Fault]:
    """Parses a row in an unusual format into ``labels``, or returns its fault."""
    where, classes = f"{file}:{row + 1}", labels.shape[1]
    if len(words) != classes:
        what = f"{len(words)} labels, not {classes} as in line 1"
        return [Fault(where=where, what=what, kind="rows of another length", row=row)]
    wrong = [word for word in words if word not in {"0", "1"}]
    if wrong:
        what = f"label {wrong[0]!r} is neither 0 nor 1"
        return [Fault(where=where, what=what, kind="labels neither 0 nor 1", row=row)]
    labels[row] = [word == "1" for word in words]
    return []
