"""The distribution of a score over the queries: clean ones above the axis, attacked ones below it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from robusthash.results.rendering.sheet import Column, Line, Table
from robusthash.results.report.charts.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    round_axis,
    x_labels,
    x_place,
)
from robusthash.results.report.charts.chart import Chart, drawing
from robusthash.results.report.charts.svg import Svg, element

_BINS = 25
_LEAST = 2.5  #: height of a bar
_SHARES = (0, 10, 25, 50, 75, 90, 100)  #: percentiles in the table

Values = npt.NDArray[np.float64]


def distribution(clean: Values, attacked: Values, title: str, unit: str) -> Chart:
    """The chart.

    Args:
        clean: (queries,) finite, one at least.
        attacked: (queries,) finite.
        title: what is shown.
        unit: title of the x axis.
    """
    marks = [(np.percentile(clean, share), np.percentile(attacked, share)) for share in _SHARES]
    lines = tuple(
        Line(cells=(_called(share), f"{one:.3f}", f"{other:.3f}"))
        for share, (one, other) in zip(_SHARES, marks, strict=True)
    )
    description = (
        f"The median query has {marks[3][0]:.3f} before the attack and {marks[3][1]:.3f} after it; the middle half "
        f"of the attacked queries is between {marks[2][1]:.3f} and {marks[4][1]:.3f}"
    )
    return Chart(
        title=title,
        description=description,
        drawing=drawing(title, description, _drawn(clean, attacked, unit)),
        table=Table(
            columns=(Column(name="queries", words=True), Column(name="clean"), Column(name="attacked")), lines=lines
        ),
    )


def _drawn(clean: Values, attacked: Values, unit: str) -> Iterator[Svg]:
    both = np.concatenate([clean, attacked])
    x = round_axis(min(0.0, float(both.min())), max(1.0, float(both.max())), unit)
    counts = [np.histogram(values, bins=_BINS, range=(x.low, x.high))[0] for values in (clean, attacked)]
    tallest = max(1, *(int(one.max()) for one in counts))
    yield from x_labels(x)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    room = middle - TOP - 4
    for count, style, down in zip(counts, ("before", "after"), (False, True), strict=True):
        yield from _bars(count * (room / tallest), x, middle, style=style, down=down)
        name = f"attacked, n = {len(attacked)}" if down else f"clean, n = {len(clean)}"
        at = middle + (room - 2 if down else 12 - room)
        yield element("text", name, class_="label", x=(LEFT + WIDTH - RIGHT) / 2, y=at, text_anchor="middle")
    yield element("line", class_="base", x1=LEFT, x2=WIDTH - RIGHT, y1=middle, y2=middle)
    for at, label in ((middle - room, str(tallest)), (middle, "0"), (middle + room, str(tallest))):
        yield element("text", label, class_="tick", x=LEFT - 6, y=at + 4, text_anchor="end")


def _bars(heights: npt.NDArray[np.float64], x: Axis, middle: float, *, style: str, down: bool) -> Iterator[Svg]:
    width = (x_place(x, x.high) - x_place(x, x.low)) / _BINS
    for place, height in enumerate(heights.tolist()):
        if height:
            left = x_place(x, x.low) + place * width
            shown = max(height, _LEAST)  # a single query is seen, too
            top = middle if down else middle - shown
            yield element("rect", class_=style, x=left + 0.5, y=top, width=width - 1, height=shown)


def _called(share: int) -> str:
    return {0: "lowest", 50: "median", 100: "highest"}.get(share, f"{share} % are below")
