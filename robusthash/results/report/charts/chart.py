"""A chart with all that is around it: title, description, legend, and its numbers as a table."""

from collections.abc import Iterable
from dataclasses import dataclass

from robusthash.results.rendering.sheet import Table
from robusthash.results.report.charts.axes import HEIGHT, WIDTH
from robusthash.results.report.charts.svg import Svg, element, together


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of a legend.

    Attributes:
        swatch: how it is drawn.
        text: what it is.
    """

    swatch: Svg
    text: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart.

    Attributes:
        title: what is shown, in one line.
        description: what is to be seen, in words, for whoever does not see it.
        drawing: the picture.
        legend: what colours, dashes and shapes stand for.
        table: its numbers; None if another table on the page has them.
        notes: what is not shown, and why.
    """

    title: str
    description: str
    drawing: Svg
    legend: tuple[Entry, ...] = ()
    table: Table | None = None
    notes: tuple[str, ...] = ()


def drawing(title: str, description: str, parts: Iterable[Svg], *, height: float = HEIGHT) -> Svg:
    """The picture of a chart, described for assistive technology.

    Args:
        title: what is shown.
        description: what is to be seen.
        parts: from back to front.
        height: of the chart.
    """
    return element(
        "svg",
        together(*parts),
        class_="chart",
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_label=f"{title}. {description}",
    )
