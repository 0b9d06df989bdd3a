"""Curves in a terminal: values above half their 95 % interval, and each series plotted in blocks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from robusthash.results.curves.panels import HAMMING, Curves, Over, Panel, Point
from robusthash.results.curves.sheets import Tick, notes, number, points_at, ticks, x_name, y_title
from robusthash.results.rendering import terminal
from robusthash.results.rendering.fitting import fits
from robusthash.results.rendering.sheet import Column, Emphasis, Line, Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderableType

_BLOCKS = "▁▂▃▄▅▆▇█"  #: from nothing to all
_STRIP = ""  #: name of the column of the plots


def render_curves(curves: Curves) -> "Group":
    """A table per panel: one row per series, one column per x."""
    from rich.console import Group

    return Group(*(part for panel in curves.panels for part in _parts(panel, curves.over)))


def _parts(panel: Panel, over: Over) -> "Iterator[RenderableType]":
    common = panel.common
    yield terminal.text(common.text, style="bold")
    lead = f"{y_title(common)} over {x_name(over, common)}, ± half the 95 % interval"
    yield terminal.text(lead, style="dim")
    yield terminal.text("")
    yield _Split(panel=panel, ticks=ticks(panel, over))
    yield from map(terminal.note, notes(panel))
    yield terminal.text("")


@dataclass(frozen=True, kw_only=True)
class _Split:
    """The table of a panel, split into several if the terminal is too narrow: no value is omitted."""

    panel: Panel
    ticks: Sequence[Tick]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        table = _table(self.panel, self.ticks)
        if fits(table, options.max_width) or len(self.ticks) < 2:
            yield terminal.FittedTable(table, accents={_STRIP: "cyan"})
            yield terminal.text("")
        else:
            half = (len(self.ticks) + 1) // 2
            yield _Split(panel=self.panel, ticks=self.ticks[:half])
            yield _Split(panel=self.panel, ticks=self.ticks[half:])


def _table(panel: Panel, at: Sequence[Tick]) -> Table:
    highest = _highest(panel)
    lines = []
    for one in panel.series:
        points = points_at(one, at)
        cells = (one.victim, one.attack, *(_cell(point, panel) for point in points), _strip(points, highest))
        lines.append(Line(cells=cells, emphasis=Emphasis.FAINT if one.reference else Emphasis.NONE))
    columns = (
        Column(name="model", words=True, grouped=True),
        Column(name="attack", words=True),
        *(Column(name=label) for _, label in at),
        Column(name=_STRIP),
    )
    return Table(columns=columns, lines=tuple(lines))


def _cell(point: Point | None, panel: Panel) -> str:
    if point is None:
        return ""
    value = f"{number(point.value, panel)}{'!' if point.flags else ''}"
    if point.low is None or point.high is None:
        return value
    return f"{value}\n±{number((point.high - point.low) / 2, panel)}"


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
