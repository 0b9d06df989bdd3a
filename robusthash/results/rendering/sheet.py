"""Sheets: tables and notes of plain text, before they are rendered in a format. Rich shows them in a terminal."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


class Emphasis(StrEnum):
    """How a line is emphasised."""

    NONE = "none"
    BEST = "best"
    CLEAN = "clean"
    FAINT = "faint"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        name: in the head of the table.
        words: whether it holds words, which are left-aligned and may be wrapped; numbers are right-aligned.
        ranged: whether its cells are numbers with an interval, ``0.5 [0.4, 0.6]``, which a terminal that is still too
            narrow shows without the interval.
        least: columns of text that its words are given before anything is omitted; 0 is its longest word.
        grouped: whether a terminal shows the text that consecutive lines have in common once, and divides such groups.
        warning: whether its words are of failed soundness checks.
        omitted: its place among the columns that a narrow terminal omits, from 0; None is always shown.
    """

    name: str
    words: bool = False
    ranged: bool = False
    least: int = 0
    grouped: bool = False
    warning: bool = False
    omitted: int | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a table.

    Attributes:
        cells: one per column.
        emphasis: of the line.
    """

    cells: tuple[str, ...]
    emphasis: Emphasis = Emphasis.NONE


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        columns: from left to right.
        lines: from top to bottom.
        caption: above it, if it needs one beside the title of the sheet.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    caption: str | None = None


@dataclass(frozen=True, kw_only=True)
class Note:
    """A note below the tables.

    Attributes:
        text: one line.
        warning: whether it reports a failed soundness check.
    """

    text: str
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Tables of comparable numbers.

    Attributes:
        title: what they have in common.
        tables: the tables.
        notes: below the tables.
        lead: a line below the title, if any.
    """

    title: str
    tables: tuple[Table, ...]
    notes: tuple[Note, ...]
    lead: str | None = None

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from robusthash.results.rendering.terminal import parts  # it imports this module

        return parts(self, options)
