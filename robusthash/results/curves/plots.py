"""Curves as plots. Needs matplotlib (the extra ``plot``), which is imported on use."""

from collections.abc import Sequence
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

from robusthash.results.curves.panels import HAMMING, Common, Curves, Over, Panel
from robusthash.results.curves.sheets import x_name, y_title
from robusthash.results.figures.canvas import GREY, canvas, literal, styles
from robusthash.specs import Norm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (7.0, 4.2)  #: of a panel, in inches
_TITLE = 300  #: characters of a title, which is wrapped
_LABEL = 80  #: of a line in the legend
_AXIS = 50  #: of the title of an axis
_MARKED = 30  #: up to so many points of a series get markers
_NEAREST = 0.05  #: least distance of two tick labels, as a share of the axis
_AXES = {
    Over.EPSILON: "epsilon (L∞ radius, share of the pixel range)",
    Over.BITS: "code length (bits)",
    Over.ITERATION: "iteration (steps taken)",
    Over.JPEG: "JPEG quality",
}


def save_plot(curves: Curves, path: Path) -> None:
    """Plots the panels below each other: a line per series, with its 95 % intervals as a band.

    The same curves give the same bytes with the same version of matplotlib.

    Args:
        curves: with at least one panel.
        path: the file; its suffix gives the format: ``.svg``, ``.png`` or ``.pdf``.

    Raises:
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    width, height = _SIZE
    with canvas(path, width, height * len(curves.panels)) as figure:
        axes = figure.subplots(len(curves.panels), squeeze=False)
        for panel, one in zip(curves.panels, axes[:, 0], strict=True):
            _draw(panel, curves.over, one)


def _draw(panel: Panel, over: Over, axes: "Axes") -> None:
    style = styles()
    points = [point for one in panel.series for point in one.points]
    for one in panel.series:
        line, colour = ("--", GREY) if one.reference else next(style)
        xs = [point.x for point in one.points]
        marker = "o" if len(xs) <= _MARKED else ""
        label = literal(f"{one.victim}, {one.attack}", _LABEL)
        axes.plot(
            xs, [point.value for point in one.points], line, color=colour, marker=marker, markersize=4, label=label
        )
        # Without an interval, the band has no height.
        lows = [point.value if point.low is None else point.low for point in one.points]
        highs = [point.value if point.high is None else point.high for point in one.points]
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0)
    axes.set_title(literal(panel.common.text, _TITLE), fontsize="small", wrap=True)
    axes.set_xlabel(literal(_x_title(over, panel.common), _AXIS))
    axes.set_ylabel(literal(y_title(panel.common), _AXIS))
    largest = max(point.value for point in points)
    axes.set_ylim(0, None if panel.common.metric == HAMMING or largest > 1 else 1.02)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    if over is not Over.ITERATION:
        every = sorted({(point.x, point.label) for point in points})
        logarithmic = over is Over.EFFORT and every[0][0] > 0
        if logarithmic:
            axes.set_xscale("log")
        ticks = _apart(every, logarithmic=logarithmic)
        axes.set_xticks([x for x, _ in ticks], [literal(label, _AXIS) for _, label in ticks])
        axes.set_xticks([], minor=True)


def _x_title(over: Over, common: Common) -> str:
    if over is Over.EPSILON and common.norm is Norm.L2:
        return "epsilon (L2 radius, in [0, 1] pixels)"
    if over is Over.EPSILON and common.norm.counts:
        return x_name(over, common)
    return f"{x_name(over, common)} of the attack" if over is Over.EFFORT else _AXES[over]


def _apart(ticks: Sequence[tuple[float, str]], *, logarithmic: bool) -> list[tuple[float, str]]:
    """The ticks whose labels do not overlap."""

    def place(x: float) -> float:
        return log(x) if logarithmic else x

    room = _NEAREST * (place(ticks[-1][0]) - place(ticks[0][0]))
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if place(tick[0]) - place(kept[-1][0]) >= room:
            kept.append(tick)
    return kept
