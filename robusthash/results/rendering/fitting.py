"""Fits a table into a terminal: which of its columns are shown, how wide they are, and how their words are wrapped.

Columns are omitted first, in the order that they say, then the intervals of numbers. Words are wrapped between words;
within a word only if the table would still be too wide. What is omitted is told.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from robusthash.results.rendering.escaping import visible
from robusthash.results.rendering.sheet import Column, Emphasis, Table
from robusthash.results.rendering.wrapping import cells, longest_piece, longest_word, wrap

ENDLESS = 10_000  #: columns of what is no terminal: a pipe or a file holds everything

_GAP = 2  #: blanks between two columns
_READABLE = 200  #: columns; words are wrapped there even if there is room
_TIGHT = 6  #: columns that words are never wrapped to fewer than
_UNIT = re.compile(r"(?<=\w)(?=/[a-z])")  #: where a head such as time/query may be wrapped

Item = TypeVar("Item")

_Floor = Callable[[Column, Sequence[str]], int]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a fitted table.

    Attributes:
        cells: of each column shown, its lines of text, not padded.
        emphasis: of the line.
        opens: whether it begins a group, since a column that repeats has another text than in the line above.
    """

    cells: tuple[tuple[str, ...], ...]
    emphasis: Emphasis = Emphasis.NONE
    opens: bool = False


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A table as it is shown.

    Attributes:
        columns: those that are shown, from left to right.
        widths: of each, in columns of the terminal.
        head: the names.
        rows: from top to bottom.
        lacking: a line that says what is omitted; None if nothing is.
    """

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    head: Row
    rows: tuple[Row, ...]
    lacking: str | None

    @property
    def width(self) -> int:
        """Of a whole line, in columns of the terminal."""
        return sum(self.widths) + _GAP * (len(self.widths) - 1)

    def parts(self, row: Row) -> Iterator[list[str]]:
        """The lines of a row, each as one padded text per column."""
        for number in range(max(map(len, row.cells), default=0)):
            yield [
                " " * (_GAP if place else 0) + _padded(cell[number] if number < len(cell) else "", width, column)
                for place, (column, width, cell) in enumerate(zip(self.columns, self.widths, row.cells, strict=True))
            ]

    def lines(self) -> Iterator[str]:
        """The whole table as plain text, head and what is omitted included."""
        for row in (self.head, *self.rows):
            yield from ("".join(parts).rstrip() for parts in self.parts(row))
        if self.lacking:
            yield self.lacking


def fit(table: Table, width: int) -> Fitted:
    """Fits a table.

    Args:
        table: any.
        width: columns of the terminal; ``ENDLESS`` omits nothing.
    """
    table, lacking = _omitted(_merged(_escaped(table)), width)
    widths = _widths(table, width)
    return Fitted(
        columns=table.columns,
        widths=tuple(widths),
        head=Row(cells=tuple(map(_head, table.columns, widths))),
        rows=tuple(_rows(table, widths)),
        lacking=f"not shown in {width} columns: {', '.join(lacking)}; COLUMNS=0 shows all" if lacking else None,
    )


def fits(table: Table, width: int) -> bool:
    """Whether a table needs neither to lack a column nor to be wrapped within words."""
    return _whole(_floors(_escaped(table), _worded)) <= width


def _omitted(table: Table, width: int) -> tuple[Table, list[str]]:
    """The table without what a terminal has no room for, and the names of that."""
    lacking: list[str] = []
    if width >= ENDLESS:
        return table, lacking
    if _whole(_floors(table, _comfortable)) > width:
        blank = [
            place for place, one in enumerate(table.columns) if one.omitted is not None and not _filled(table, place)
        ]
        for place in reversed(blank):  # nothing is lost with these
            table = _without(table, place)
    while _whole(_floors(table, _comfortable)) > width:
        omissible = [(one.omitted, place) for place, one in enumerate(table.columns) if one.omitted is not None]
        if not omissible:
            break
        _, place = min(omissible)
        lacking.append(table.columns[place].name)
        table = _without(table, place)
    if _whole(_floors(table, _worded)) > width and any(column.ranged for column in table.columns):
        lacking.append("intervals")
        table = _without_intervals(table)
    return table, lacking


def _filled(table: Table, place: int) -> bool:
    return any(line.cells[place] for line in table.lines)


def _without(table: Table, place: int) -> Table:
    lines = (replace(line, cells=_except(line.cells, place)) for line in table.lines)
    return replace(table, columns=_except(table.columns, place), lines=tuple(lines))


def _except(items: tuple[Item, ...], place: int) -> tuple[Item, ...]:
    return items[:place] + items[place + 1 :]


def _without_intervals(table: Table) -> Table:
    def plain(texts: Sequence[str]) -> tuple[str, ...]:
        both = zip(table.columns, texts, strict=True)
        return tuple(text.partition(" [")[0] if column.ranged else text for column, text in both)

    names = plain([column.name for column in table.columns])
    columns = (replace(column, name=name, ranged=False) for column, name in zip(table.columns, names, strict=True))
    lines = (replace(line, cells=plain(line.cells)) for line in table.lines)
    return replace(table, columns=tuple(columns), lines=tuple(lines))


def _escaped(table: Table) -> Table:
    """Without control characters. Numbers are ours, and may have line breaks that are meant."""

    def safe(column: Column, text: str) -> str:
        return visible(text) if column.words else "\n".join(map(visible, text.split("\n")))

    lines = (
        replace(line, cells=tuple(safe(*one) for one in zip(table.columns, line.cells, strict=True)))
        for line in table.lines
    )
    return replace(
        table, columns=tuple(replace(one, name=visible(one.name)) for one in table.columns), lines=tuple(lines)
    )


def _merged(table: Table) -> Table:
    """With what repeats shown once."""
    places = [place for place, column in enumerate(table.columns) if column.grouped]
    if not places or not table.lines:
        return table
    merged = [table.lines[0]]
    for above, line in pairwise(table.lines):
        same = {place for place in places if above.cells[place] == line.cells[place]}
        merged.append(replace(line, cells=tuple("" if i in same else cell for i, cell in enumerate(line.cells))))
    return replace(table, lines=tuple(merged))


def _widths(table: Table, width: int) -> list[int]:
    """Of each column. Words get what the numbers leave, and are wrapped within words only in the end."""
    room = min(width, _READABLE)
    widths = _floors(table, _natural)
    unwrapped = [max(size, cells(column.name)) for column, size in zip(table.columns, widths, strict=True)]
    if _whole(unwrapped) <= room:
        return unwrapped
    for floor in (_comfortable, _worded, *((_pieced, _tight) if width < ENDLESS else ())):
        floors = _floors(table, floor)
        while _whole(widths) > room and widths != floors:
            widest = max(range(len(widths)), key=lambda place: (widths[place] > floors[place]) * widths[place])
            if widths[widest] <= floors[widest]:
                break
            widths[widest] -= 1
    return widths


def _floors(table: Table, floor: _Floor) -> list[int]:
    """Of each column, the width that it has or cannot be without. Numbers have but one."""
    texts = zip(*([column.name for column in table.columns], *(line.cells for line in table.lines)), strict=True)
    return [
        floor(column, own) if column.words else _of_numbers(own)
        for column, own in zip(table.columns, texts, strict=True)
    ]


def _natural(_column: Column, texts: Sequence[str]) -> int:
    return max(map(cells, texts))


def _comfortable(column: Column, texts: Sequence[str]) -> int:
    return min(_natural(column, texts), max(column.least, _worded(column, texts)))


def _worded(_column: Column, texts: Sequence[str]) -> int:
    return max(map(longest_word, texts))


def _pieced(_column: Column, texts: Sequence[str]) -> int:
    return max(map(longest_piece, texts))


def _tight(column: Column, texts: Sequence[str]) -> int:
    return min(_TIGHT, _pieced(column, texts))


def _of_numbers(texts: Sequence[str]) -> int:
    name, *values = texts
    return max(longest_word(_heading(name)), *(cells(part) for value in values for part in value.split("\n")), 1)


def _whole(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _head(column: Column, width: int) -> tuple[str, ...]:
    """The lines of a name."""
    return (column.name,) if cells(column.name) <= width else tuple(wrap(_heading(column.name), width))


def _heading(name: str) -> str:
    """A name with blanks where it may be wrapped."""
    return _UNIT.sub(" ", name)


def _rows(table: Table, widths: Sequence[int]) -> Iterator[Row]:
    repeated = [place for place, column in enumerate(table.columns) if column.grouped]
    for number, line in enumerate(table.lines):
        shown = (
            tuple(wrap(text, width)) if column.words else tuple(text.split("\n"))
            for column, text, width in zip(table.columns, line.cells, widths, strict=True)
        )
        opens = number > 0 and any(line.cells[place] for place in repeated)
        yield Row(cells=tuple(shown), emphasis=line.emphasis, opens=opens)


def _padded(text: str, width: int, column: Column) -> str:
    blanks = " " * (width - cells(text))
    return text + blanks if column.words else blanks + text
