"""Renders text and tables with rich. Markup in names is not interpreted."""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from robusthash.results.rendering.escaping import visible
from robusthash.results.rendering.sheet import Column, Emphasis, Note, Sheet, Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

_STYLES = {Emphasis.NONE: "", Emphasis.BEST: "bold", Emphasis.CLEAN: "green", Emphasis.FAINT: "dim"}
_PLAIN_WIDTH = 120  #: columns of plain text
_ENDLESS = 10_000  #: columns; wider than any table


def text(content: str, style: str = "") -> "Text":
    """Text with control characters escaped and without markup."""
    from rich.text import Text

    return Text(visible(content), style=style)


def labelled(label: str, content: str) -> "Text":
    """A line with a dim label in front."""
    return text(label, style="dim").append_text(text(f": {content}", style="not dim"))


def empty_table(columns: Iterable[Column]) -> "RichTable":
    """A table with these columns and no lines."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable

    table = RichTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "left" if column.words else "right"
        broken = re.sub(r"(?=/query$)", "\n", visible(column.name))
        table.add_column(text_of(broken), justify=justify, no_wrap=not (column.words or column.wraps), overflow="fold")
    return table


def text_of(escaped: str) -> "Text":
    """Text that is already escaped, and may contain our own line breaks."""
    from rich.text import Text

    return Text(escaped)


def parts(sheet: Sheet, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
    """A sheet in a terminal: title, tables that fit its width, and notes.

    Args:
        sheet: tables of comparable numbers.
        console: where it is shown.
        options: of the console, with its width.
    """
    yield text(sheet.title, style="bold")
    if sheet.lead:
        yield text(sheet.lead, style="dim")
    for table in sheet.tables:
        if table.caption:
            yield text(table.caption)
        yield _fitted(table, console, options)
    yield from map(note, sheet.notes)
    yield text("")


def _fitted(table: Table, console: "Console", options: "ConsoleOptions") -> "RichTable":
    """A table that omits columns if the terminal is too narrow for whole words."""
    from rich.measure import Measurement

    whole = options.update(width=_ENDLESS)
    gained = sum(_gained(table, place) for place, column in enumerate(table.columns) if column.words)
    order = sorted(column.omitted for column in table.columns if column.omitted is not None)
    made = _table(table, omitted=())
    for count in range(1, len(order) + 1):
        if Measurement.get(console, whole, made).maximum - gained <= options.max_width:
            break
        made = _table(table, omitted=order[:count])
    return made


def _gained(table: Table, column: int) -> int:
    """How much narrower a column of words becomes when it is wrapped."""
    cells = [table.columns[column].name, *(line.cells[column] for line in table.lines)]
    return max(map(len, cells)) - max(map(len, " ".join(cells).split()))


def _table(table: Table, omitted: Collection[int]) -> "RichTable":
    shown = [(place, column) for place, column in enumerate(table.columns) if column.omitted not in omitted]
    made = empty_table(column for _, column in shown)
    grouped = [place for place, column in shown if column.grouped]
    for _, lines in groupby(table.lines, key=lambda line: [line.cells[place] for place in grouped]):
        for number, line in enumerate(lines):
            cells = [
                text("" if number and column.grouped else line.cells[place], style="yellow" if column.warning else "")
                for place, column in shown
            ]
            made.add_row(*cells, style=_STYLES[line.emphasis])
        if grouped:
            made.add_section()
    return made


def note(content: Note) -> "Text":
    """A note below the tables."""
    return text(content.text, style="yellow" if content.warning else "dim")


def as_text(content: "RenderableType") -> str:
    """Plain text without colours, for ``print`` and at a prompt."""
    from io import StringIO

    from rich.console import Console

    file = StringIO()
    # In a notebook rich would show the tables itself, and write nothing to the file.
    plain = Console(
        file=file, width=_PLAIN_WIDTH, color_system=None, highlight=False, force_jupyter=False, force_terminal=False
    )
    plain.print(content)
    return file.getvalue()
