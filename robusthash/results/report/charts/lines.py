"""Curves: a line per series, with its 95 % intervals as a band."""

from collections.abc import Iterator, Sequence

from robusthash.results.curves.panels import HAMMING, Curves, Over, Panel, Point, Series
from robusthash.results.curves.sheets import number, sheets, x_name, y_title
from robusthash.results.report.charts.axes import Axis, axis_at, frame, round_axis, x_place, y_place
from robusthash.results.report.charts.chart import Chart, Entry, drawing
from robusthash.results.report.charts.styles import colour, marker, stroked, swatch
from robusthash.results.report.charts.svg import Svg, element, points

Marked = tuple[tuple[float, float], Point]  #: the place of a point, and the point

MOST = 10  #: series that one chart can show

_MARKED = 12  #: up to so many points of a series get markers
_MARKS = 5  #: markers of a longer series
_BITS = "distance to the aim (bits)"  #: shorter than the title of the table: it stands upright


def curve_charts(curves: Curves) -> Iterator[Chart]:
    """A chart per panel; one per victim, where a panel has more series than a chart can show.

    Args:
        curves: as :func:`robusthash.results.build_curves` makes them.
    """
    for panel, sheet in zip(curves.panels, sheets(curves), strict=True):
        groups = [panel.series]
        if len(panel.series) > MOST:
            victims = dict.fromkeys(one.victim for one in panel.series)
            groups = [tuple(one for one in panel.series if one.victim == victim) for victim in victims]
        for place, group in enumerate(groups):
            shown, left_out = group[:MOST], len(group[MOST:])
            said = f"{y_title(panel.common)} over {x_name(curves.over, panel.common)}"
            title = said if len(groups) == 1 else f"{said}: {group[0].victim}"
            description = "; ".join(_told(one, panel) for one in shown)
            yield Chart(
                title=title,
                description=description,
                drawing=drawing(title, description, _drawn(panel, shown, curves.over)),
                legend=tuple(_legend(shown)),
                table=sheet.tables[0] if place == 0 else None,
                notes=(
                    panel.common.text,
                    *([f"{left_out} more series are in the table alone"] if left_out else []),
                    *([note.text for note in sheet.notes] if place == 0 else []),
                ),
            )


def _drawn(panel: Panel, series: Sequence[Series], over: Over) -> Iterator[Svg]:
    x, y = _axes(panel, series, over)
    yield from frame(x, y)
    for place, one in enumerate(series):
        yield from _band(one, place, x, y)
    for place, one in enumerate(series):
        at = [(x_place(x, point.x), y_place(y, point.value)) for point in one.points]
        yield element("polyline", points=points(at), **stroked(place, reference=one.reference))
        for (left, top), point in _marked(list(zip(at, one.points, strict=True)), place):
            told = f"{_name(one)}, {point.label}: {number(point.value, panel)}"
            yield marker(place, left, top, hollow=one.reference, label=told)


def _marked(every: list[Marked], place: int) -> list[Marked]:
    """The points that get a marker: all of a few; of many some, at other places than those of the next series."""
    if len(every) <= _MARKED:
        return every
    apart = len(every) // _MARKS
    return every[apart // 2 + (place * apart // MOST) :: apart]


def _axes(panel: Panel, series: Sequence[Series], over: Over) -> tuple[Axis, Axis]:
    every = sorted({(point.x, point.label) for one in series for point in one.points})
    title = x_name(over, panel.common)
    if over is Over.ITERATION:
        x = round_axis(0, every[-1][0], title)
    else:
        logarithmic = over in (Over.EFFORT, Over.BITS) and every[0][0] > 0
        x = axis_at(every, title, logarithmic=logarithmic)
    highest = max(point.value if point.high is None else point.high for one in series for point in one.points)
    if panel.common.metric == HAMMING:
        return x, round_axis(0, highest or 1.0, _BITS)
    return x, round_axis(0, max(1.0, highest), y_title(panel.common))


def _band(one: Series, place: int, x: Axis, y: Axis) -> Iterator[Svg]:
    ranged = [(point.x, point.low, point.high) for point in one.points]
    above = [(x_place(x, at), y_place(y, high)) for at, _, high in ranged if high is not None]
    below = [(x_place(x, at), y_place(y, low)) for at, low, _ in ranged if low is not None]
    if above and below:
        yield element("polygon", class_=f"band {colour(place)}", points=points([*above, *reversed(below)]))


def _legend(series: Sequence[Series]) -> Iterator[Entry]:
    for place, one in enumerate(series):
        yield Entry(swatch=swatch(place, reference=one.reference), text=_name(one))


def _name(one: Series) -> str:
    return f"{one.victim}, {one.attack}"


def _told(one: Series, panel: Panel) -> str:
    first, last = one.points[0], one.points[-1]
    ends = f"{number(first.value, panel)} at {first.label} to {number(last.value, panel)} at {last.label}"
    return f"{_name(one)}: {ends}"
