"""Curves in four forms: for a terminal, a page, a spreadsheet and a program."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import TYPE_CHECKING

from robusthash.epsilon import format_epsilon
from robusthash.results.curves.curves import HAMMING, Common, Curves, Over, Panel, Point, Series

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.table import Table

Tick = tuple[float, str]  #: an x, and how people write it

_BLOCKS = "▁▂▃▄▅▆▇█"  #: from nothing to all
_FEW = 4  #: columns that are not parted: rather is a name folded
_ENDLESS = 10_000  #: columns of a terminal in which every table has room


def render_curves(curves: Curves) -> "Group":
    """A table for each panel: a row a series, a column an x; below each value half its 95 % interval."""
    from rich.console import Group

    return Group(*(part for panel in curves.panels for part in _parts(panel, curves.over)))


def curves_to_markdown(curves: Curves) -> str:
    """The same tables in Markdown, with whole intervals in place of halves and drawings."""
    blocks = []
    for panel in curves.panels:
        ticks = _ticks(panel, curves.over)
        head = ["model", "attack", *(label for _, label in ticks)]
        rows = [head, ["---"] * len(head)]
        rows += [[one.victim, one.attack, *(_whole(point, panel) for point in _at(one, ticks))] for one in panel.series]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
        blocks += [f"## {panel_title(panel.common)}", f"{axis_title(panel.common)} [95 %] over {curves.over}", table]
        blocks.extend(f"- {note}" for note in _notes(panel))
    return "\n\n".join(blocks) + "\n"


def curves_to_csv(curves: Curves) -> str:
    """One line a point, with everything: what its panel has in common, full precision, intervals."""
    buffer = io.StringIO()
    common = [entry.name for entry in fields(Common)]
    plain = [entry.name for entry in fields(Point) if entry.name != "flags"]
    names = ["over", *common, "victim", "attack", *plain, "flags"]
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    for panel in curves.panels:
        shared = {"over": str(curves.over)} | asdict(panel.common)
        for one in panel.series:
            line = shared | {"victim": one.victim, "attack": one.attack}
            for point in one.points:
                flags = " ".join(flag.id for flag in point.flags)
                writer.writerow(line | {name: getattr(point, name) for name in plain} | {"flags": flags})
    return buffer.getvalue()


def curves_to_json(curves: Curves) -> str:
    """All of it, in full precision."""
    return json.dumps(asdict(curves), indent=2, allow_nan=False) + "\n"


def panel_title(common: Common) -> str:
    """What a panel's points have in common, in one line."""
    threat = [] if common.epsilon is None else [f"Linf {format_epsilon(common.epsilon)}"]
    return " · ".join(
        [
            f"{common.dataset}: {common.queries} queries, {common.database} items",
            common.goal,
            *threat,
            common.protocol,
            common.relevance,
            f"seed {common.seed}",
        ]
    )


def axis_title(common: Common) -> str:
    """What is shown over x, with its unit if it has one."""
    named = {"map": "MAP", "t-map": "t-MAP", HAMMING: "Hamming distance to the aim (bits)"}
    return named.get(common.metric, common.metric)


def _parts(panel: Panel, over: Over) -> "Iterator[RenderableType]":
    from rich.text import Text

    yield Text(panel_title(panel.common), style="bold")
    yield Text(f"{axis_title(panel.common)} over {over}, ± half the 95 % interval", style="dim")
    yield _Fitted(panel=panel, ticks=_ticks(panel, over))
    for note in _notes(panel):
        yield Text(note, style="yellow" if note.startswith("RH") else "dim")
    yield Text("")


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """A panel's table; several below each other where its columns are too many for the terminal."""

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


def _table(panel: Panel, ticks: Sequence[Tick]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name in ("model", "attack"):
        table.add_column(name, overflow="fold")
    for _, label in ticks:
        table.add_column(label, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    highest = _highest(panel)
    for _, group in groupby(panel.series, key=lambda one: one.victim):
        for i, one in enumerate(group):
            points = _at(one, ticks)
            strip = Text(_strip(points, highest), style="" if one.reference else "cyan")
            cells = [_cell(point, panel) for point in points]
            table.add_row(Text("" if i else one.victim), Text(one.attack), *cells, strip)
        table.add_section()
    return table


def _cell(point: Point | None, panel: Panel) -> "RenderableType":
    from rich.text import Text

    if point is None:
        return Text("")
    text = Text(_number(point.value, panel), style="yellow" if point.flags else "")
    if point.low is not None and point.high is not None:
        text.append(f"\n±{_number((point.high - point.low) / 2, panel)}", style="dim")
    return text


def _whole(point: Point | None, panel: Panel) -> str:
    if point is None:
        return ""
    interval = (
        f" [{_number(point.low, panel)}, {_number(point.high, panel)}]"
        if point.low is not None and point.high is not None
        else ""
    )
    return _number(point.value, panel) + interval


def _number(value: float, panel: Panel) -> str:
    return f"{value:.1f}" if panel.common.metric == HAMMING else f"{value:.3f}"


def _ticks(panel: Panel, over: Over) -> list[Tick]:
    """The columns: every x, or of the iterations 0, 1, 2, 5, 10, 20, 50 ... and the last of each series."""
    every = {point.label: point.x for one in panel.series for point in one.points}
    ticks = sorted((x, label) for label, x in every.items())
    if over is not Over.ITERATION:
        return ticks
    kept = {0.0, *(one.points[-1].x for one in panel.series)}
    kept |= {head * 10.0**power for power in range(len(str(int(ticks[-1][0])))) for head in (1, 2, 5)}
    return [(x, label) for x, label in ticks if x in kept]


def _at(one: Series, ticks: Iterable[Tick]) -> list[Point | None]:
    points = {point.label: point for point in one.points}
    return [points.get(label) for _, label in ticks]


def _strip(points: Iterable[Point | None], highest: float) -> str:
    """The series drawn in blocks, one a column."""
    return "".join(" " if point is None else _block(point.value / highest) for point in points)


def _block(share: float) -> str:
    """The block of a share of the full height.

    >>> _block(0), _block(0.5), _block(1)
    ('▁', '▅', '█')
    """
    return _BLOCKS[max(0, min(len(_BLOCKS) - 1, int(share * len(_BLOCKS))))]


def _highest(panel: Panel) -> float:
    """What a full block stands for: 1 for a metric, the largest distance otherwise."""
    largest = max(point.value for one in panel.series for point in one.points)
    return largest or 1.0 if panel.common.metric == HAMMING else max(1.0, largest)


def _notes(panel: Panel) -> Iterator[str]:
    """What has to be said below a table."""
    for one in panel.series:
        for point in one.points:
            yield from (f"{flag.id} {one.victim}, {one.attack}, {point.label}: {flag.message}" for flag in point.flags)
    if panel.superseded:
        many = "s" if panel.superseded > 1 else ""
        yield f"{panel.superseded} older record{many} of the same points, evaluated again since, not shown"
