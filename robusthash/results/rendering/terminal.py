"""Renders text and tables with rich. Markup in names is not interpreted."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from robusthash.results.rendering.escaping import visible
from robusthash.results.rendering.sheet import Column, Emphasis, Note, Table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

_STYLES = {Emphasis.NONE: "", Emphasis.BEST: "bold", Emphasis.CLEAN: "green", Emphasis.FAINT: "dim"}
_PLAIN_WIDTH = 120  #: columns of plain text


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
        broken = re.sub(r"(?=/img$)", "\n", visible(column.name))
        table.add_column(text_of(broken), justify=justify, no_wrap=not (column.words or column.wraps), overflow="fold")
    return table


def text_of(escaped: str) -> "Text":
    """Text that is already escaped, and may contain our own line breaks."""
    from rich.text import Text

    return Text(escaped)


def table(content: Table) -> "Iterator[RenderableType]":
    """The table, preceded by its caption if it has one."""
    if content.caption:
        yield text(content.caption)
    made = empty_table(content.columns)
    for line in content.lines:
        made.add_row(*map(text, line.cells), style=_STYLES[line.emphasis])
    yield made


def style_of(emphasis: Emphasis) -> str:
    """The rich style of an emphasis."""
    return _STYLES[emphasis]


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
