"""Axes: from values to places, with ticks at round numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from robusthash.results.report.charts.svg import Svg, element

Tick = tuple[float, str]  #: a value, and what it is called

WIDTH, HEIGHT = 440, 270  #: of a chart, in units that are pixels where there is room
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 42  #: margins around what is plotted

_NEAREST = 40  #: least distance of two labels on the x axis
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis.

    Attributes:
        low: value at its beginning.
        high: value at its end.
        ticks: in ascending order.
        title: with the unit, if there is one.
        logarithmic: whether equal distances are equal ratios.
    """

    low: float
    high: float
    ticks: tuple[Tick, ...]
    title: str
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value is, from 0 at the beginning to 1 at the end."""
        low, high, at = (log10(one) for one in (self.low, self.high, value)) if self.logarithmic else self._plain(value)
        return (at - low) / (high - low)

    def _plain(self, value: float) -> tuple[float, float, float]:
        return self.low, self.high, value


def x_place(axis: Axis, value: float) -> float:
    """The horizontal place of a value."""
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def y_place(axis: Axis, value: float, *, top: float = TOP, bottom: float = HEIGHT - BOTTOM) -> float:
    """The vertical place of a value."""
    return bottom - axis.share(value) * (bottom - top)


def round_axis(low: float, high: float, title: str, *, count: int = 5) -> Axis:
    """An axis that begins and ends at round numbers.

    Args:
        low: smallest value.
        high: largest value.
        title: of the axis.
        count: about as many ticks.

    >>> [label for _, label in round_axis(0.03, 0.97, "").ticks]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    if not (isfinite(low) and isfinite(high)) or high <= low:
        low, high = (low - 0.5, low + 0.5) if isfinite(low) else (0.0, 1.0)
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(one * power for one in _STEPS if one * power >= raw * 0.999)
    first, last = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
    ticks = tuple((number * step, f"{number * step:.6g}") for number in range(first, last + 1))
    return Axis(low=ticks[0][0], high=ticks[-1][0], ticks=ticks, title=title)


def axis_at(ticks: Sequence[Tick], title: str, *, logarithmic: bool = False) -> Axis:
    """An axis whose ticks are given, such as those of a sweep; labels that would overlap are left out.

    Args:
        ticks: in ascending order, at least two.
        title: of the axis.
        logarithmic: whether equal distances are equal ratios; all ticks are above 0.
    """
    whole = Axis(low=ticks[0][0], high=ticks[-1][0], ticks=(), title=title, logarithmic=logarithmic)
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if x_place(whole, tick[0]) - x_place(whole, kept[-1][0]) >= _NEAREST:
            kept.append(tick)
    return Axis(low=whole.low, high=whole.high, ticks=tuple(kept), title=title, logarithmic=logarithmic)


def frame(x: Axis, y: Axis) -> Iterator[Svg]:
    """Grid, labels and titles of both axes."""
    for value, label in y.ticks:
        at = y_place(y, value)
        yield element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at)
        yield element("text", label, class_="tick", x=LEFT - 6, y=at + 4, text_anchor="end")
    yield from x_labels(x)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    yield element(
        "text",
        y.title,
        class_="axis",
        x=0,
        y=0,
        text_anchor="middle",
        transform=f"translate(11 {middle:g}) rotate(-90)",
    )


def x_labels(x: Axis) -> Iterator[Svg]:
    """The line, the labels and the title of the x axis."""
    bottom = HEIGHT - BOTTOM
    yield element("line", class_="base", x1=LEFT, x2=WIDTH - RIGHT, y1=bottom, y2=bottom)
    for value, label in x.ticks:
        at = x_place(x, value)
        anchor = "end" if at > WIDTH - RIGHT - 8 else "middle"
        yield element("text", label, class_="tick", x=at, y=bottom + 16, text_anchor=anchor)
    yield element("text", x.title, class_="axis", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle")
