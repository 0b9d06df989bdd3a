"""The leaderboard in a terminal, for about a hundred columns."""

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from robusthash.results.leaderboard.board import Leaderboard
from robusthash.results.leaderboard.sheets import CLEAN, FLAGS, LEARNING, MODEL, PSNR, TIME, sheets
from robusthash.results.rendering import terminal
from robusthash.results.rendering.sheet import Sheet, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
    from rich.table import Table as RichTable

_SPARED = (LEARNING, TIME, PSNR, CLEAN)  #: columns that a narrow terminal omits, in this order
_ENDLESS = 10_000  #: columns; wider than any table


def render(leaderboard: Leaderboard, *, ties: bool = False) -> "Group":
    """The leaderboard as tables for a terminal.

    Args:
        leaderboard: as :func:`robusthash.results.build_leaderboard` makes it.
        ties: show the band between the worst and the best order of ties instead of the 95 % interval.
    """
    from rich.console import Group

    return Group(*(part for sheet in sheets(leaderboard, ties=ties) for part in _parts(sheet)))


def _parts(sheet: Sheet) -> "Iterator[RenderableType]":
    yield terminal.text(sheet.title, style="bold")
    *above, rows = sheet.tables
    for table in above:
        yield from terminal.table(table)
    yield _Fitted(rows)
    yield from map(terminal.note, sheet.notes)
    yield terminal.text("")


@dataclass(frozen=True)
class _Fitted:
    """A table that omits columns if the terminal is too narrow for whole words."""

    table: Table

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.measure import Measurement

        whole = options.update(width=_ENDLESS)
        gained = sum(self._gained(i) for i, column in enumerate(self.table.columns) if column.words)
        for count in range(len(_SPARED) + 1):
            table = self._without(_SPARED[:count])
            if Measurement.get(console, whole, table).maximum - gained <= options.max_width:
                break
        yield table

    def _gained(self, column: int) -> int:
        """How much narrower a column of words becomes when it is wrapped."""
        cells = [self.table.columns[column].name, *(line.cells[column] for line in self.table.lines)]
        return max(map(len, cells)) - max(map(len, " ".join(cells).split()))

    def _without(self, spared: tuple[str, ...]) -> "RichTable":
        names = [column.name for column in self.table.columns]
        shown = [i for i, name in enumerate(names) if name not in spared]
        model, flags = names.index(MODEL), names.index(FLAGS)
        table = terminal.empty_table(self.table.columns[i] for i in shown)
        for _, lines in groupby(self.table.lines, key=lambda line: line.cells[model]):
            for i, line in enumerate(lines):
                cells = [terminal.text(cell) for cell in line.cells]
                if i:
                    cells[model] = terminal.text("")
                cells[flags].stylize("yellow")
                table.add_row(*(cells[place] for place in shown), style=terminal.style_of(line.emphasis))
            table.add_section()
        return table
