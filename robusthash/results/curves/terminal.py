"""Curves in a terminal: values above half their 95 % interval, and each series plotted in blocks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from robusthash.results.curves.panels import HAMMING, Curves, Over, Panel, Point
from robusthash.results.curves.sheets import Tick, notes, number, points_at, ticks, x_name, y_title
from robusthash.results.rendering import terminal
from robusthash.results.rendering.sheet import Column

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.table import Table

_BLOCKS = "▁▂▃▄▅▆▇█"  #: from nothing to all
_FEW = 4  #: columns that stay together; names are folded instead
_ENDLESS = 10_000  #: columns; wider than any table


def render_curves(curves: Curves) -> "Group":
    """A table per panel: one row per series, one column per x."""
    from rich.console import Group

    return Group(*(part for panel in curves.panels for part in _parts(panel, curves.over)))


def _parts(panel: Panel, over: Over) -> "Iterator[RenderableType]":
    common = panel.common
    yield terminal.text(common.text, style="bold")
    lead = f"{y_title(common)} over {x_name(over, common)}, ± half the 95 % interval"
    yield terminal.text(lead, style="dim")
    yield _Fitted(panel=panel, ticks=ticks(panel, over))
    yield from map(terminal.note, notes(panel))
    yield terminal.text("")


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """The table of a panel, split into several if the terminal is too narrow."""

    panel: Panel
    ticks: Sequence[Tick]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        table = _table(self.panel, self.ticks)
        wanted = console.measure(table, options=options.update(max_width=_ENDLESS)).maximum
        if wanted > options.max_width and len(self.ticks) > _FEW:
            half = (len(self.ticks) + 1) // 2
            yield _Fitted(panel=self.panel, ticks=self.ticks[:half])
            yield _Fitted(panel=self.panel, ticks=self.ticks[half:])
        else:
            yield table


def _table(panel: Panel, at: Sequence[Tick]) -> "Table":
    names = [Column(name=name, words=True) for name in ("model", "attack")]
    table = terminal.empty_table([*names, *(Column(name=label) for _, label in at)])
    table.add_column("", no_wrap=True)
    highest = _highest(panel)
    for _, group in groupby(panel.series, key=lambda one: one.victim):
        for i, one in enumerate(group):
            points = points_at(one, at)
            strip = terminal.text(_strip(points, highest), style="" if one.reference else "cyan")
            cells = [_cell(point, panel) for point in points]
            table.add_row(terminal.text("" if i else one.victim), terminal.text(one.attack), *cells, strip)
        table.add_section()
    return table


def _cell(point: Point | None, panel: Panel) -> "RenderableType":
    if point is None:
        return terminal.text("")
    text = terminal.text(number(point.value, panel), style="yellow" if point.flags else "")
    if point.low is not None and point.high is not None:
        text.append(f"\n±{number((point.high - point.low) / 2, panel)}", style="dim")
    return text


def _strip(points: Iterable[Point | None], highest: float) -> str:
    """The series plotted in blocks, one per column."""
    return "".join(" " if point is None else _block(point.value / highest) for point in points)


def _block(share: float) -> str:
    """The block for a share of the full height.

    >>> _block(0), _block(0.5), _block(1)
    ('▁', '▅', '█')
    """
    return _BLOCKS[max(0, min(len(_BLOCKS) - 1, int(share * len(_BLOCKS))))]


def _highest(panel: Panel) -> float:
    """The value of a full block: 1 for a metric, the largest distance otherwise."""
    largest = max(point.value for one in panel.series for point in one.points)
    return largest or 1.0 if panel.common.metric == HAMMING else max(1.0, largest)
