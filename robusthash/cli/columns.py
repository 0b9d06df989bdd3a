"""Columns of text without rich, for listings that answer at once: rich alone takes as long as all the rest of them."""

import os
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TextIO

PIPE_WIDTH = 200  #: columns of a table that no terminal limits

_GAP = "  "
_NARROWEST = 20  #: a column is folded to no less; a terminal narrower than that folds the lines itself


def limit(stream: TextIO) -> int | None:
    """How many columns a stream has; None if it is a pipe or a file, which are to hold everything."""
    limited = stream.isatty() or "COLUMNS" in os.environ
    return shutil.get_terminal_size().columns if limited else None


def lay_out(rows: Sequence[Sequence[str]], *, folded: int, width: int) -> Iterator[str]:
    """The lines of a table.

    Args:
        rows: cells of one line each, the same number in every row.
        folded: the column that is folded where the table is wider than it may be.
        width: how wide it may be, in characters.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    others = sum(widths) - widths[folded] + len(_GAP) * (len(widths) - 1)
    widths[folded] = min(widths[folded], max(width - others, _NARROWEST))
    for row in rows:
        for number, part in enumerate(textwrap.wrap(row[folded], widths[folded], break_on_hyphens=False) or [""]):
            cells = [part if column == folded else "" if number else cell for column, cell in enumerate(row)]
            yield _GAP.join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)).rstrip()
