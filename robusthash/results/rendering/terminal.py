"""Renders text and tables with rich. Markup in names is not interpreted."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from robusthash.results.rendering.escaping import visible
from robusthash.results.rendering.fitting import ENDLESS, fit
from robusthash.results.rendering.room import room
from robusthash.results.rendering.sheet import Column, Emphasis, Note, Sheet, Table
from robusthash.results.rendering.wrapping import cells, longest_word, wrap

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

_LABEL = 18  #: columns of the name of a fact, the blanks in front included
_STYLES = {Emphasis.NONE: "", Emphasis.BEST: "bold", Emphasis.CLEAN: "green", Emphasis.FAINT: "dim"}


def text(content: str, style: str = "") -> "Text":
    """Text with control characters escaped and without markup."""
    from rich.text import Text

    return Text(visible(content), style=style)


def labelled(label: str, content: str) -> "Text":
    """A line with a dim label in front."""
    return text(label, style="dim").append_text(text(f": {content}", style="not dim"))


@dataclass(frozen=True)
class FittedTable:
    """A table as rich shows it: fitted into the terminal, preceded by its caption if it has one.

    Attributes:
        content: the table.
        accents: styles of columns by name, beside those of the lines.
    """

    content: Table
    accents: Mapping[str, str] = field(default_factory=dict)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        yield from table_lines(self.content, options, self.accents)


def table_lines(
    content: Table, options: "ConsoleOptions", accents: Mapping[str, str] = MappingProxyType({})
) -> "Iterator[Text]":
    """The lines of a table, fitted into a terminal, and its caption before them if it has one.

    Args:
        content: the table.
        options: of the console, with its width.
        accents: styles of columns by name, beside those of the lines.
    """

    def draw(parts: Sequence[str], columns: Sequence[Column], emphasis: Emphasis | None) -> "Text":
        if emphasis is None:
            return _line(parts, ["bold"] * len(parts))
        plain = _STYLES[emphasis]
        return _line(parts, ["yellow" if one.warning else accents.get(one.name, plain) for one in columns])

    layout = fit(content, options.max_width)
    if content.caption:
        yield text(content.caption)
    yield from layout.head(content, draw)
    yield _line([("-" if options.ascii_only else "─") * layout.width], ["dim"])
    for number in range(len(content.lines)):
        if layout.opens(content, number):
            yield text("")
        yield from layout.line(content, number, draw)
    if layout.lacking:
        yield text(layout.lacking, style="dim")


def _line(parts: Iterable[str], styles: Iterable[str]) -> "Text":
    from rich.text import Text

    line = Text.assemble(*zip(parts, styles, strict=True), no_wrap=True, overflow="ignore")
    line.rstrip()
    return line


@dataclass(frozen=True)
class Facts:
    """Names and values, wrapped between words alone: a digest or a path can be copied whole, however narrow it is.

    Print it with ``soft_wrap=True``, or rich crops what is too long.

    Attributes:
        lines: each a name and a value.
    """

    lines: Sequence[tuple[str, str]]

    def __rich_console__(self, _console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        for name, value in self.lines:
            shown = visible(value)
            label = f"  {visible(name)}".ljust(_LABEL) + "  "
            space = max(longest_word(shown), min(options.max_width, ENDLESS) - cells(label), 1)
            first, *more = wrap(shown, space)
            yield _line((label, first), ("dim", ""))
            yield from (_line((" " * cells(label), rest), ("", "")) for rest in more)


def note(content: Note) -> "Text":
    """A note below the tables."""
    return text(content.text, style="yellow" if content.warning else "dim")


def parts(content: Sheet, options: "ConsoleOptions") -> "Iterator[Text]":
    """A sheet: its title, its tables, and its notes, for a console with some options."""
    yield text(content.title, style="bold")
    if content.lead:
        yield text(content.lead, style="dim")
    for one in content.tables:
        yield text("")
        yield from table_lines(one, options)
    yield text("")
    yield from map(note, content.notes)
    yield from [text("")] if content.notes else []


def as_text(content: "RenderableType") -> str:
    """Plain text without colours, for ``print`` and at a prompt: as wide as the terminal, if there is one."""
    from io import StringIO

    from rich.console import Console

    file = StringIO()
    # In a notebook rich would show the tables itself, and write nothing to the file.
    plain = Console(
        file=file, width=room(sys.stdout), color_system=None, highlight=False, force_jupyter=False, force_terminal=False
    )
    plain.print(content)
    return file.getvalue()
