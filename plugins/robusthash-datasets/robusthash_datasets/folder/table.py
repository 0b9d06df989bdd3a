"""A table of images and their labels, ``labels.csv``, for the user's own multi-label data.

The first line names the columns: ``path,labels`` with labels like ``sky;water``, or ``path,sky,water`` with a 0 or 1
for each. A column ``split`` with ``query``, ``database`` or ``train`` is optional.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from robusthash.errors import DatasetError
from robusthash.files.opening import read_file
from robusthash_datasets.lists.files import Fault

SPLITS = ("query", "database", "train")
_HINT = "the first line is path,labels, or path and the label names; a column named split is optional"


@dataclass(frozen=True, kw_only=True)
class Table:
    """The content of the file.

    Attributes:
        classes: label names: those of the columns, or all that occur, sorted.
        paths: relative paths, with forward slashes.
        labels: the label numbers of each image.
        splits: the split of each image; empty if there is no such column.
        lines: the line of each image.
        faults: the bad lines, which have no image here.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    splits: tuple[str, ...]
    lines: tuple[int, ...]
    faults: tuple[Fault, ...]


def read_table(file: Path) -> Table:
    """Reads the file.

    Raises:
        DatasetError: it cannot be read, has no image, or its first line does not name the columns.
    """
    try:
        reader = csv.reader(io.StringIO(read_file(file).decode("utf-8-sig"), newline=""))
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {file}: {error}", hint="save it as comma-separated UTF-8 text") from error
    if len(rows) < 2:
        raise DatasetError(f"{file} names no image", hint=_HINT)
    header = rows[0][1]
    names = [name for name in header if name not in {"path", "split"}]
    if "path" not in header or not names or len(set(header)) != len(header):
        raise DatasetError(f"{file}:1: the columns are {', '.join(header)}", hint=_HINT)
    kept, faults = [], []
    for line, cells in rows[1:]:
        fault = _fault(cells, header, names)
        if fault is None:
            kept.append((line, dict(zip(header, cells, strict=True))))
        else:
            faults.append(Fault(where=f"{file}:{line}", what=fault[0], kind=fault[1]))
    words = [_words(row, names) for _, row in kept]
    classes = tuple(names) if names != ["labels"] else tuple(sorted({word for row in words for word in row}))
    number = {name: i for i, name in enumerate(classes)}
    return Table(
        classes=classes,
        paths=tuple(row["path"].replace("\\", "/") for _, row in kept),
        labels=tuple(tuple(sorted({number[word] for word in row})) for row in words),
        splits=tuple(row["split"] for _, row in kept) if "split" in header else (),
        lines=tuple(line for line, _ in kept),
        faults=tuple(faults),
    )


def _fault(cells: list[str], header: list[str], names: list[str]) -> tuple[str, str] | None:
    if len(cells) != len(header):
        return f"{len(cells)} cells, not {len(header)} as in line 1", "rows of another length"
    row = dict(zip(header, cells, strict=True))
    if not row["path"]:
        return "the path is empty", "empty paths"
    if row.get("split", "query") not in SPLITS:
        return f"split {row['split']!r} is not one of {', '.join(SPLITS)}", "unknown splits"
    wrong = [row[name] for name in names if names != ["labels"] and row[name] not in {"0", "1"}]
    return (f"label {wrong[0]!r} is neither 0 nor 1", "labels neither 0 nor 1") if wrong else None


def _words(row: dict[str, str], names: list[str]) -> list[str]:
    if names == ["labels"]:
        return [word.strip() for word in row["labels"].split(";") if word.strip()]
    return [name for name in names if row[name] == "1"]
