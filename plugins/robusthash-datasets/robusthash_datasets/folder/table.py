"""Tables of images and their labels: one for all, or one for each split, as CSV or Parquet."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robusthash.contracts import SplitNames
from robusthash.errors import DatasetError
from robusthash_datasets.folder.columns import Columns, find_columns
from robusthash_datasets.folder.content import SPLITS, Content, Item, alike, normal, shown
from robusthash_datasets.folder.rows import Cell, Rows, read_rows
from robusthash_datasets.lists.files import Fault

_SEPARATORS = (";", "|")  #: between labels of one image; a comma may as well be part of a name


@dataclass(frozen=True, kw_only=True)
class Naming:
    """What the user says of a table.

    Attributes:
        path: name of the column of paths; empty looks for it.
        label: name of the column of labels; empty looks for it.
        separator: between the labels of an image; None looks for it.
    """

    path: str = ""
    label: str = ""
    separator: str | None = None


def read_tables(files: Mapping[str, Path] | Mapping[None, Path], naming: Naming) -> Content:
    """The items of a table, or of one for each split.

    Args:
        files: by the name of the split; of a table with all of them, by None.
        naming: what the user says of its columns.

    Raises:
        DatasetError: a table cannot be read, has no image, lacks a column, or can be read in two ways.
    """
    tables = {name: _Table(read_rows(file), naming) for name, file in files.items()}
    separator = naming.separator or _separator([cell for table in tables.values() for cell in table.labels()], tables)
    faults, notes = [], []
    rows: list[tuple[str, str, tuple[str, ...], str | None]] = []  # place, path, labels, split
    dotted = 0
    for name, table in tables.items():
        for row in range(len(table.rows.cells)):
            fault = table.fault(row)
            if fault is not None:
                faults.append(Fault(where=table.rows.place(row), what=fault[0], kind=fault[1]))
                continue
            listed = table.path(row)
            path = _plain(listed)
            dotted += path != listed
            rows.append((table.rows.place(row), path, table.words(row, separator), name or table.split(row)))
    if dotted:
        notes.append(f"{dotted} paths are written like ./a.jpg, and read like a.jpg")
    notes += [
        f"columns of {table.rows.file.name} that are not read: {shown(table.columns.unread)}"
        for table in tables.values()
        if table.columns.unread
    ]
    every = [word for _, _, words, _ in rows for word in words]
    notes += alike(dict.fromkeys(every))
    classes = _classes(list(tables.values()), every)
    splits = _splits(rows, next(iter(tables.values())))
    if splits.names and (told := splits.reading()):
        notes.append(told)
    number = {name: i for i, name in enumerate(classes)}
    items = tuple(
        Item(
            name=path,
            labels=tuple(sorted({number[normal(word)] for word in words})),
            split=splits.split_of(split) if split else None,
            place=place,
        )
        for place, path, words, split in rows
    )
    return Content(classes=classes, items=items, faults=tuple(faults), notes=tuple(notes))


class _Table:
    """One file with its columns."""

    def __init__(self, rows: Rows, naming: Naming) -> None:
        self.rows = rows
        self.columns: Columns = find_columns(rows.file, rows.header, path=naming.path, label=naming.label)

    def labels(self) -> list[Cell]:
        """The cells of the column of labels."""
        at = self.columns.label
        return [] if at is None else [cells[at] for cells in self.rows.cells if len(cells) == len(self.rows.header)]

    def path(self, row: int) -> str:
        """The path of a row."""
        return str(self.rows.cells[row][self.columns.path]).replace("\\", "/")

    def split(self, row: int) -> str | None:
        """The split that a row names."""
        return None if self.columns.split is None else str(self.rows.cells[row][self.columns.split])

    def words(self, row: int, separator: str | None) -> tuple[str, ...]:
        """The labels of a row."""
        cells, header = self.rows.cells[row], self.rows.header
        if self.columns.label is None:
            return tuple(header[i] for i in self.columns.each if cells[i] == "1")
        cell = cells[self.columns.label]
        parts = [cell] if isinstance(cell, str) and not separator else cell
        parts = parts.split(separator) if isinstance(parts, str) else parts
        return tuple(word.strip() for word in parts if word.strip())

    def fault(self, row: int) -> tuple[str, str] | None:
        """What is wrong with a row, and the kind of the fault."""
        cells, header = self.rows.cells[row], self.rows.header
        if len(cells) != len(header):
            return f"{len(cells)} cells, not {len(header)} as in line 1", "rows of another length"
        if not cells[self.columns.path]:
            return "the path is empty", "empty paths"
        split = self.split(row)
        if split is not None and SplitNames.role(split) is None:
            return f"split {split!r} is not one of {', '.join(SPLITS)}, test, val", "unknown splits"
        wrong = [cells[i] for i in self.columns.each if cells[i] not in {"0", "1"}]
        return (f"label {wrong[0]!r} is neither 0 nor 1", "labels neither 0 nor 1") if wrong else None


def _plain(path: str) -> str:
    """A relative path without ``./`` and ``//``: one file has one name."""
    parts = path.split("/")
    return posixpath.normpath(path) if parts[0] and {".", ""} & set(parts) else path


def _separator(cells: Sequence[Cell], tables: Mapping[str | None, _Table]) -> str | None:
    """What separates labels; None if nothing does."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    found = [one for one in _SEPARATORS if any(one in text for text in texts)]
    file = next(iter(tables.values())).rows.file
    if len(found) > 1:
        raise DatasetError(
            f"labels in {file} have both ; and |", hint="say which separates labels: -o 'folder.separator=;'"
        )
    comma = next((text for text in texts if "," in text), None)
    if not found and comma is not None:
        raise DatasetError(
            f"labels in {file} have commas: {comma!r} may be one label or several",
            hint="set -o folder.separator=, to separate them there, or -o 'folder.separator=;' to keep each whole",
        )
    return found[0] if found else None


def _classes(tables: Sequence[_Table], words: Sequence[str]) -> tuple[str, ...]:
    columns = {tuple(table.rows.header[i] for i in table.columns.each) for table in tables}
    if len(columns) > 1:
        files = " and ".join(table.rows.file.name for table in tables)
        raise DatasetError(f"{files} have different columns of labels", hint="give every table the same columns")
    named = next(iter(columns))
    return tuple(dict.fromkeys(map(normal, named))) if named else tuple(sorted(set(map(normal, words))))


def _splits(rows: Sequence[tuple[str, str, tuple[str, ...], str | None]], table: _Table) -> SplitNames:
    """Names of the splits, in the order in which they come.

    Raises:
        DatasetError: they are not splits of one dataset.
    """
    splits = SplitNames(list(dict.fromkeys(split for _, _, _, split in rows if split is not None)))
    wrong = splits.wrong() if splits.names else None
    if wrong:
        raise DatasetError(
            f"the splits in {table.rows.file} are {', '.join(splits.names)}: {wrong}",
            hint=f"name them {', '.join(SPLITS)}, or train, val and test",
        )
    return splits
