"""Curves as a picture, drawn with matplotlib, which is imported on use: the extra ``plot``."""

import io
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import cycle, product
from math import log
from pathlib import Path
from typing import TYPE_CHECKING

from robusthash.errors import MissingDependencyError, OptionError
from robusthash.results.curves.panels import HAMMING, Common, Curves, Over, Panel
from robusthash.results.curves.sheets import x_name, y_title
from robusthash.results.rendering.escaping import visible
from robusthash.storage import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMS = (".svg", ".png", ".pdf")

_SIZE = (7.0, 4.2)  #: inches, of one panel
_DOTS = 150  #: an inch, in a PNG
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  #: told apart by the colour-blind too
_LINES = ("-", "--", "-.", ":")
_GREY = "#777777"  #: of noise
_MARKED = 30  #: points of a series that are few enough to be marked
_NEAREST = 0.05  #: of the axis, between two numbers below it
_AXES = {
    Over.EPSILON: "epsilon (L∞ radius, share of the pixel range)",
    Over.BITS: "code length (bits)",
    Over.ITERATION: "iteration (steps made)",
}
_NO_DATE = {
    ".svg": {"Date": None},
    ".png": {},
    ".pdf": {"CreationDate": None},
}


def require_plot(path: Path) -> None:
    """Fails early if a picture cannot be drawn into this file.

    Raises:
        OptionError: its ending names no form that is written.
        MissingDependencyError: matplotlib is not installed.
    """
    if path.suffix.lower() not in FORMS:
        raise OptionError(f"--plot {path} has an unknown ending", hint=f"end it with {', '.join(FORMS)}")
    if find_spec("matplotlib") is None:
        raise MissingDependencyError(
            f"--plot {path} needs matplotlib, which is not installed", hint="pip install 'robusthash[plot]'"
        )


def save_plot(curves: Curves, path: Path) -> None:
    """Draws the panels below each other: a line a series, its 95 % intervals as a band.

    The same curves give the same bytes with the same version of matplotlib.

    Args:
        curves: with a panel at least.
        path: whose ending says the form: ``.svg``, ``.png`` or ``.pdf``.

    Raises:
        OptionError: its ending names no form that is written.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    require_plot(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    form, buffer = path.suffix.lower(), io.BytesIO()
    # Identifiers in an SVG are random without a salt; its text stays text, to be read and searched.
    with rc_context({"svg.hashsalt": "robusthash", "svg.fonttype": "none"}):
        width, height = _SIZE
        figure = Figure(figsize=(width, height * len(curves.panels)), layout="constrained")
        axes = figure.subplots(len(curves.panels), squeeze=False)
        for panel, one in zip(curves.panels, axes[:, 0], strict=True):
            _draw(panel, curves.over, one)
        figure.savefig(buffer, format=form[1:], dpi=_DOTS, metadata=_NO_DATE[form])
    write_atomically(path, buffer.getvalue())


def _draw(panel: Panel, over: Over, axes: "Axes") -> None:
    styles = cycle(product(_LINES, _COLOURS))
    points = [point for one in panel.series for point in one.points]
    for one in panel.series:
        line, colour = ("--", _GREY) if one.reference else next(styles)
        xs = [point.x for point in one.points]
        marker = "o" if len(xs) <= _MARKED else ""
        label = _literal(f"{one.victim}, {one.attack}")
        axes.plot(
            xs, [point.value for point in one.points], line, color=colour, marker=marker, markersize=4, label=label
        )
        # A point without an interval has a band of no height.
        lows = [point.value if point.low is None else point.low for point in one.points]
        highs = [point.value if point.high is None else point.high for point in one.points]
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0)
    axes.set_title(_literal(panel.common.text), fontsize="small", wrap=True)
    axes.set_xlabel(_x_title(over, panel.common))
    axes.set_ylabel(y_title(panel.common))
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
        axes.set_xticks([x for x, _ in ticks], [label for _, label in ticks])
        axes.set_xticks([], minor=True)


def _x_title(over: Over, common: Common) -> str:
    return _literal(f"{x_name(over, common)} of the attack") if over is Over.EFFORT else _AXES[over]


def _literal(text: str) -> str:
    """Text of which matplotlib takes nothing for mathematics or for a name to be left out of the legend."""
    shown = visible(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _apart(ticks: Sequence[tuple[float, str]], *, logarithmic: bool) -> list[tuple[float, str]]:
    """Those of the ticks that have room for their numbers."""

    def place(x: float) -> float:
        return log(x) if logarithmic else x

    room = _NEAREST * (place(ticks[-1][0]) - place(ticks[0][0]))
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if place(tick[0]) - place(kept[-1][0]) >= room:
            kept.append(tick)
    return kept
