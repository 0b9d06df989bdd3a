"""What is shown of results, before it takes a form: sheets of tables and notes, all of it plain text."""

from dataclasses import dataclass
from enum import StrEnum


class Emphasis(StrEnum):
    """How a line stands out."""

    NONE = "none"
    BEST = "best"
    CLEAN = "clean"
    FAINT = "faint"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        name: above it.
        words: whether it has words, which stand on the left and may be wrapped; numbers stand on the right.
        wraps: whether its name may be wrapped, of a column of numbers.
    """

    name: str
    words: bool = False
    wraps: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a table.

    Attributes:
        cells: one a column.
        emphasis: how it stands out.
    """

    cells: tuple[str, ...]
    emphasis: Emphasis = Emphasis.NONE


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        columns: from left to right.
        lines: from top to bottom.
        caption: above it; None for a table that the sheet's title names.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    caption: str | None = None


@dataclass(frozen=True, kw_only=True)
class Note:
    """What has to be said below the tables.

    Attributes:
        text: in one line.
        warning: whether it is a soundness check that failed.
    """

    text: str
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Tables of numbers that may be compared.

    Attributes:
        title: what they have in common.
        lead: a line below the title; None for none.
        tables: one below the other.
        notes: below them.
    """

    title: str
    tables: tuple[Table, ...]
    notes: tuple[Note, ...]
    lead: str | None = None
