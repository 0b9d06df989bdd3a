"""The rows of a stranger's table, a CSV or a Parquet file, as texts by column."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robusthash.errors import DatasetError, MissingDependencyError
from robusthash.files.opening import DAMAGED, open_file, read_file

TABLES = (".csv", ".tsv", ".parquet")
_BETWEEN = (",", "\t", ";", "|")  #: what separates columns, the commonest first
_LARGEST = 4 << 30  #: bytes that the columns of a Parquet file may have, unpacked

Cell = str | tuple[str, ...]  #: a list of texts, where the file has lists


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The content of a table.

    Attributes:
        file: the table.
        header: names of the columns.
        cells: of each row; a row of a CSV may have another length than the header.
        lines: the number of each row's line in the file.
    """

    file: Path
    header: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    lines: tuple[int, ...]

    def place(self, row: int) -> str:
        """File and line of a row."""
        return f"{self.file}:{self.lines[row]}"


def read_rows(file: Path) -> Rows:
    """Reads a table.

    Args:
        file: with a header; its ending says what it is.

    Raises:
        DatasetError: it cannot be read, is damaged, or has no row.
        MissingDependencyError: it is a Parquet file, and pyarrow is not installed.
    """
    rows = _parquet(file) if file.suffix.lower() == ".parquet" else _csv(file)
    if not rows.cells:
        raise DatasetError(f"{file} names no image", hint="write a first line path,labels, and a line for each image")
    return rows


def header_of(file: Path) -> tuple[str, ...]:
    """The names of a CSV's columns, without reading the rest; none if it cannot be read as one."""
    try:
        with open_file(file) as opened:
            text = opened.read(1 << 16).decode("utf-8-sig", errors="replace")
    except OSError:
        return ()
    first = text.splitlines()[:1]
    try:
        return tuple(cell.strip() for row in csv.reader(first, delimiter=_delimiter(text)) for cell in row)
    except csv.Error:
        return ()


def _csv(file: Path) -> Rows:
    try:
        text = read_file(file).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        rows = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {file}: {error}", hint="save it as comma-separated UTF-8 text") from error
    header = rows[0][1] if rows else ()
    return Rows(
        file=file,
        header=header,
        cells=tuple(cells for _, cells in rows[1:]),
        lines=tuple(line for line, _ in rows[1:]),
    )


def _delimiter(text: str) -> str:
    """What separates the columns of the first line: a comma, unless there is none and something else."""
    first = text.partition("\n")[0]
    return next((one for one in _BETWEEN if one in first), ",")


def _parquet(file: Path) -> Rows:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise MissingDependencyError(
            f"{file} is a Parquet file, and pyarrow is not installed",
            hint="pip install 'robusthash-datasets[parquet]', or save it as labels.csv",
        ) from error
    try:
        with open_file(file) as opened:
            source = parquet.ParquetFile(opened)
            groups = (source.metadata.row_group(i) for i in range(source.metadata.num_row_groups))
            kinds = {field.name: str(field.type) for field in source.schema_arrow}
            # Columns of pictures are named, for an error that says so, and not read.
            plain = [name for name, kind in kinds.items() if "binary" not in kind and not kind.startswith("struct")]
            if sum(group.total_byte_size for group in groups) > _LARGEST and len(plain) == len(kinds):
                raise ValueError(f"its columns have more than {_LARGEST >> 30} GiB, unpacked")
            columns = source.read(columns=plain).to_pydict()
    except (*DAMAGED, ArrowException) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise DatasetError(
            f"cannot read {file}: {' '.join(reason.split())}", hint="write it again, or save it as labels.csv"
        ) from error
    pictures = [name for name in kinds if name not in plain]
    if pictures:
        raise DatasetError(
            f"{file}: the column {pictures[0]} holds the pictures themselves, not their paths",
            hint='in Python, pass robusthash.evaluate(..., dataset=datasets.load_dataset("parquet", data_files={...}))',
        )
    count = len(next(iter(columns.values()), ()))
    cells = tuple(tuple(_cell(columns[name][row]) for name in plain) for row in range(count))
    return Rows(file=file, header=tuple(plain), cells=cells, lines=tuple(range(1, count + 1)))


def _cell(value: Any) -> Cell:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(str(_cell(one)) for one in value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return str(value).strip()
