"""Fits a table into a terminal: which of its columns are shown, how wide they are, and how their words are wrapped.

Columns are omitted first, in the order that they say, then the intervals of numbers. Words are wrapped between words;
within a word only if the table would still be too wide. What is omitted is told.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from robusthash.results.rendering.escaping import visible
from robusthash.results.rendering.sheet import Column, Emphasis, Table
from robusthash.results.rendering.wrapping import cells, longest_piece, longest_word, wrap

ENDLESS = 10_000  #: columns of what is no terminal: a pipe or a file holds everything

_GAP = 2  #: blanks between two columns
_READABLE = 200  #: columns; words are wrapped there even if there is room
_TIGHT = 6  #: columns that words are never wrapped to fewer than
_UNIT = re.compile(r"(?<=\w)(?=/[a-z])")  #: where a head such as time/query may be wrapped

Shown = TypeVar("Shown")

_Floor = Callable[[Column, Sequence[str]], int]
Draw = Callable[[Sequence[str], Sequence[Column], Emphasis | None], Shown]  #: padded texts of one line to what is shown


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a table is shown. It holds nothing of what the table says.

    Attributes:
        places: of the columns that are shown, from left to right.
        widths: of each, in columns of the terminal.
        intervals: whether the intervals of numbers are shown.
        lacking: a line that says what is omitted; None if nothing is.
    """

    places: tuple[int, ...]
    widths: tuple[int, ...]
    intervals: bool
    lacking: str | None

    @property
    def width(self) -> int:
        """Of a whole line, in columns of the terminal."""
        return _whole(self.widths)

    def head(self, table: Table, draw: Draw[Shown]) -> Iterator[Shown]:
        """The names of the columns.

        Args:
            table: that was fitted.
            draw: makes one line; without an emphasis.
        """
        columns = [table.columns[place] for place in self.places]
        names = [self._head(column, width) for column, width in zip(columns, self.widths, strict=True)]
        for number in range(max(map(len, names), default=0)):
            yield draw([self._part(place, name, number, columns) for place, name in enumerate(names)], columns, None)

    def line(self, table: Table, number: int, draw: Draw[Shown]) -> Iterator[Shown]:
        """One line of the table, in as many as its words are wrapped into.

        Args:
            table: that was fitted.
            number: of the line, from 0.
            draw: makes one line.
        """
        line, columns = table.lines[number], [table.columns[place] for place in self.places]
        texts = [
            ""
            if number and column.grouped and line.cells[place] == table.lines[number - 1].cells[place]
            else _text(column, line.cells[place], intervals=self.intervals)
            for place, column in zip(self.places, columns, strict=True)
        ]
        wrapped = [
            wrap(text, width) if column.words else text.split("\n")
            for column, text, width in zip(columns, texts, self.widths, strict=True)
        ]
        for part in range(max(map(len, wrapped), default=0)):
            padded = [self._part(place, cell, part, columns) for place, cell in enumerate(wrapped)]
            yield draw(padded, columns, line.emphasis)

    def opens(self, table: Table, number: int) -> bool:
        """Whether a line begins a group, since a column that repeats has another text than in the line above."""
        above, line = table.lines[number - 1], table.lines[number]
        grouped = [place for place in self.places if table.columns[place].grouped]
        return number > 0 and any(line.cells[place] and line.cells[place] != above.cells[place] for place in grouped)

    def _part(self, place: int, cell: Sequence[str], number: int, columns: Sequence[Column]) -> str:
        text, blanks = cell[number] if number < len(cell) else "", self.widths[place]
        return " " * (_GAP if place else 0) + _padded(text, blanks, columns[place])

    def _head(self, column: Column, width: int) -> Sequence[str]:
        name = _name(column, intervals=self.intervals)
        return (name,) if cells(name) <= width else wrap(_heading(name), width)


def fit(table: Table, width: int) -> Layout:
    """Fits a table.

    Args:
        table: any.
        width: columns of the terminal; ``ENDLESS`` omits nothing.
    """
    places, intervals, lacking = _shown(table, width)
    return Layout(
        places=tuple(places),
        widths=tuple(_widths(table, width, places, intervals=intervals)),
        intervals=intervals,
        lacking=f"not shown in {width} columns: {', '.join(lacking)}; COLUMNS=0 shows all" if lacking else None,
    )


def fits(table: Table, width: int) -> bool:
    """Whether a table needs neither to lack a column nor to be wrapped within words."""
    return _whole(_floors(table, _worded, range(len(table.columns)))) <= width


def _shown(table: Table, width: int) -> tuple[list[int], bool, list[str]]:
    """Places of the columns that a terminal has room for, whether it has for intervals, and the names of the rest."""
    places, intervals, lacking = list(range(len(table.columns))), True, list[str]()
    if width >= ENDLESS:
        return places, intervals, lacking
    if _whole(_floors(table, _comfortable, places)) > width:  # nothing is lost with empty columns
        omissible = [place for place in places if table.columns[place].omitted is not None]
        places = [place for place in places if place not in omissible or any(line.cells[place] for line in table.lines)]
    while _whole(_floors(table, _comfortable, places)) > width:
        order = [(one, place) for place in places if (one := table.columns[place].omitted) is not None]
        if not order:
            break
        _, place = min(order)
        lacking.append(visible(table.columns[place].name))
        places.remove(place)
    if _whole(_floors(table, _worded, places)) > width and any(table.columns[place].ranged for place in places):
        lacking.append("intervals")
        intervals = False
    return places, intervals, lacking


def _text(column: Column, text: str, *, intervals: bool) -> str:
    """A cell without control characters. Numbers are ours, and may have line breaks that are meant."""
    safe = visible(text) if column.words else "\n".join(map(visible, text.split("\n")))
    return safe if intervals or not column.ranged else safe.partition(" [")[0]


def _name(column: Column, *, intervals: bool) -> str:
    name = visible(column.name)
    return name if intervals or not column.ranged else name.partition(" [")[0]


def _widths(table: Table, width: int, places: Sequence[int], *, intervals: bool) -> list[int]:
    """Of each column. Words get what the numbers leave, and are wrapped within words only in the end."""
    room = min(width, _READABLE)
    widths = _floors(table, _natural, places, intervals=intervals)
    names = [_name(table.columns[place], intervals=intervals) for place in places]
    unwrapped = [max(size, cells(name)) for name, size in zip(names, widths, strict=True)]
    if _whole(unwrapped) <= room:
        return unwrapped
    for floor in (_comfortable, _worded, *((_pieced, _tight) if width < ENDLESS else ())):
        floors = _floors(table, floor, places, intervals=intervals)
        while _whole(widths) > room and widths != floors:
            widest = max(range(len(widths)), key=lambda place: (widths[place] > floors[place]) * widths[place])
            if widths[widest] <= floors[widest]:
                break
            widths[widest] -= 1
    return widths


def _floors(table: Table, floor: _Floor, places: Sequence[int], *, intervals: bool = True) -> list[int]:
    """Of each column, the width that it has or cannot be without. Numbers have but one."""
    found = []
    for place in places:
        column = table.columns[place]
        texts = [_text(column, line.cells[place], intervals=intervals) for line in table.lines]
        own = [_name(column, intervals=intervals), *texts]
        found.append(floor(column, own) if column.words else _of_numbers(own))
    return found


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


def _heading(name: str) -> str:
    """A name with blanks where it may be wrapped."""
    return _UNIT.sub(" ", name)


def _padded(text: str, width: int, column: Column) -> str:
    blanks = " " * (width - cells(text))
    return text + blanks if column.words else blanks + text
