"""Tables and paragraphs without rich, for commands that answer at once: rich alone takes as long as all the rest."""

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from robusthash.results.rendering.sheet import Table


def show_table(table: "Table") -> None:
    """Prints a table that fits the terminal, its head in bold where there is one."""
    from robusthash.results.rendering.fitting import fit
    from robusthash.results.rendering.room import room

    layout = fit(table, room(sys.stdout))
    for line in layout.head(table, _joined):
        click.secho(line, bold=True)
    for number in range(len(table.lines)):
        for line in layout.line(table, number, _joined):
            click.echo(line)
    if layout.lacking:
        click.secho(layout.lacking, dim=True)


def _joined(parts: "Sequence[str]", _columns: object, _emphasis: object) -> str:
    return "".join(parts).rstrip()


def paragraph(text: str, *, indent: int = 0, err: bool = False, colour: str | None = None) -> None:
    """Prints one line of text, wrapped between words alone where it is longer than the terminal is wide.

    Args:
        text: escaped text, whose own blanks in front are kept.
        indent: blanks in front of its further lines, beside its own.
        err: print to standard error.
        colour: of the text.
    """
    from robusthash.results.rendering.room import room
    from robusthash.results.rendering.wrapping import cells, longest_word, wrap

    own = len(text) - len(text.lstrip())
    width = room(sys.stderr if err else sys.stdout)
    if cells(text) > width:
        space = max(longest_word(text), width - own - indent)
        first, *rest = wrap(text, space)
        text = "\n".join([" " * own + first, *(" " * (own + indent) + one for one in rest)])
    click.secho(text, err=err, fg=colour)
