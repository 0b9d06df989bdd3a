"""Parses rows of zeros and ones at the ends of text lines, thousands at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robusthash.errors import DatasetError

_CHUNK = 4096  #: rows at a time, to limit memory
_SPACES = np.frombuffer(b" \t\r\v\f", dtype=np.uint8)


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """A text file's lines, as offsets into its bytes.

    Attributes:
        file: the file.
        data: its content, without a byte order mark.
        starts: (n,) int64, each line's first byte.
        ends: (n,) int64, the byte after each line's last non-space byte.
    """

    file: Path
    data: bytes
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, line: int, before: int = 0) -> str:
        """A line without surrounding white space.

        Args:
            line: from 0.
            before: number of bytes to cut off its end.
        """
        return self.data[self.starts[line] : self.ends[line] - before].decode().strip()


def split_lines(data: bytes, file: Path) -> Lines:
    """The lines of a list file, without empty ones at its end.

    Args:
        data: the file's content.
        file: its name, for errors.

    Raises:
        DatasetError: it is empty, or not UTF-8.
    """
    data = data.removeprefix(b"\xef\xbb\xbf").rstrip()
    if not data:
        raise DatasetError(f"{file} is empty", hint="download it again")
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise DatasetError(f"{file} is not UTF-8: byte {error.start}", hint="save the list as UTF-8") from error
    letters = np.frombuffer(data, dtype=np.uint8)
    breaks = np.flatnonzero(letters == ord("\n"))
    starts = np.concatenate([[0], breaks + 1])
    ends = np.concatenate([breaks, [len(data)]])
    while True:
        blank = (ends > starts) & np.isin(letters[np.maximum(ends - 1, 0)], _SPACES)
        if not blank.any():
            return Lines(file=file, data=data, starts=starts, ends=ends)
        ends = ends - blank


def read_rows(lines: Lines, classes: int, *, after_path: bool) -> tuple[np.ndarray, list[int]]:
    """The labels at the end of each line, if they are separated by single spaces as usual.

    Args:
        lines: of a list file.
        classes: labels per line.
        after_path: whether a path and a space come before them.

    Returns:
        (n, classes) uint8, and the lines in another format, whose rows are zeros.
    """
    letters = np.frombuffer(lines.data, dtype=np.uint8)
    labels = np.zeros((len(lines), classes), dtype=np.uint8)
    width = 2 * classes - 1
    if len(letters) < width:
        return labels, list(range(len(lines)))
    usual = np.empty(len(lines), dtype=bool)
    offsets = np.arange(-width, 0)
    for first in range(0, len(lines), _CHUNK):
        part = slice(first, first + _CHUNK)
        starts, ends = lines.starts[part], lines.ends[part]
        length = ends - starts
        fits = length >= width + 2 if after_path else length == width
        ends = np.where(fits, ends, width)  # any valid offset: these rows are not used
        tails = letters[ends[:, None] + offsets]
        fits &= (tails[:, 1::2] == ord(" ")).all(1) & ((tails[:, ::2] | 1) == ord("1")).all(1)
        if after_path:
            fits &= letters[np.maximum(ends - width - 1, 0)] == ord(" ")
        labels[part][fits] = tails[fits, ::2] - ord("0")
        usual[part] = fits
    return labels, np.flatnonzero(~usual).tolist()
