"""Curves as tables of text, shared by Markdown, HTML and LaTeX."""

from collections.abc import Iterable, Iterator

from robusthash.results.comparing.comparable import metric_title
from robusthash.results.curves.panels import HAMMING, Common, Curves, Over, Panel, Point, Series
from robusthash.results.records.stages import Against
from robusthash.results.rendering.sheet import Column, Emphasis, Line, Note, Sheet, Table
from robusthash.specs import Norm

Tick = tuple[float, str]  #: x, and x as text


def sheets(curves: Curves) -> Iterator[Sheet]:
    """A sheet per panel: one row per series, one column per x."""
    for panel in curves.panels:
        at = ticks(panel, curves.over)
        columns = (
            Column(name="model", words=True),
            Column(name="attack", words=True),
            *(Column(name=label) for _, label in at),
        )
        lines = (
            Line(
                cells=(one.victim, one.attack, *(_whole(point, panel) for point in points_at(one, at))),
                emphasis=Emphasis.FAINT if one.reference else Emphasis.NONE,
            )
            for one in panel.series
        )
        yield Sheet(
            title=panel.common.text,
            lead=f"{y_title(panel.common)} [95 %] over {x_name(curves.over, panel.common)}",
            tables=(Table(columns=columns, lines=tuple(lines)),),
            notes=tuple(notes(panel)),
        )


def y_title(common: Common) -> str:
    """Title of the y axis, with its unit if it has one."""
    if common.metric == HAMMING:
        return "Hamming distance to the aim (bits)"
    against, metric = Against.parse(common.metric)
    return metric_title(metric, against)


def x_name(over: Over, common: Common) -> str:
    """Name of the x axis."""
    if over is Over.EPSILON and common.norm is not Norm.LINF:
        return f"edits ({common.norm})" if common.norm.counts else f"{over} ({common.norm})"
    return common.effort or ("JPEG quality" if over is Over.JPEG else str(over))


def number(value: float, panel: Panel) -> str:
    """A value as text."""
    return f"{value:.1f}" if panel.common.metric == HAMMING else f"{value:.3f}"


def ticks(panel: Panel, over: Over) -> list[Tick]:
    """The columns: every x; of iterations only 0, 1, 2, 5, 10, 20, 50 ... and the last of each series."""
    every = {point.label: point.x for one in panel.series for point in one.points}
    found = sorted((x, label) for label, x in every.items())
    if over is not Over.ITERATION:
        return found
    kept = {0.0, *(one.points[-1].x for one in panel.series)}
    kept |= {head * 10.0**power for power in range(len(str(int(found[-1][0])))) for head in (1, 2, 5)}
    return [(x, label) for x, label in found if x in kept]


def points_at(one: Series, at: Iterable[Tick]) -> list[Point | None]:
    """The points of a series in these columns; None if it has none there."""
    points = {point.label: point for point in one.points}
    return [points.get(label) for _, label in at]


def notes(panel: Panel) -> Iterator[Note]:
    """Notes below the table."""
    for one in panel.series:
        for point in one.points:
            for flag in point.flags:
                told = f"{flag.id} {one.victim}, {one.attack}, {point.label}: {flag.message}"
                yield Note(text=told, warning=True)
    if panel.superseded:
        many = "s" if panel.superseded > 1 else ""
        yield Note(text=f"not shown: {panel.superseded} older record{many} of points that were evaluated again")


def _whole(point: Point | None, panel: Panel) -> str:
    if point is None:
        return ""
    value = number(point.value, panel)
    if point.low is None or point.high is None:
        return value
    return f"{value} [{number(point.low, panel)}, {number(point.high, panel)}]"
