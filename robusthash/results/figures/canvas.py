"""What all figures have in common: formats, colours, lines, and files whose bytes depend on their content alone."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING

from robusthash.errors import MissingDependencyError, OptionError
from robusthash.files.storage import write_atomically
from robusthash.results.rendering.escaping import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMS = (".svg", ".png", ".pdf")
GREY = "#777777"  #: of references, and of clean queries
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
)  #: distinguishable for colour-blind readers too

_LINES = ("-", "--", "-.", ":")
_DOTS = 150  #: dots per inch, of a PNG
_NO_DATE = {
    ".svg": {"Date": None},
    ".png": {},
    ".pdf": {"CreationDate": None},
}


def require_plot(path: Path, option: str = "--plot") -> None:
    """Fails early if this file cannot be plotted to.

    Args:
        path: the file.
        option: that names it, for errors.

    Raises:
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
    """
    if path.suffix.lower() not in FORMS:
        raise OptionError(f"{option} {path} has an unknown suffix", hint=f"use {', '.join(FORMS)}")
    if find_spec("matplotlib") is None:
        raise MissingDependencyError(
            f"{option} {path} needs matplotlib, which is not installed", hint="pip install 'robusthash[plot]'"
        )


@contextmanager
def canvas(path: Path, width: float, height: float) -> Iterator["Figure"]:
    """A figure to draw on, which is written afterwards.

    The same drawing gives the same bytes with the same version of matplotlib.

    Args:
        path: of the file; its suffix gives the format.
        width: in inches.
        height: in inches.

    Raises:
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    require_plot(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    form, buffer = path.suffix.lower(), io.BytesIO()
    # Without a salt, identifiers in an SVG are random. Text stays text, so that it can be searched.
    with rc_context({"svg.hashsalt": "robusthash", "svg.fonttype": "none"}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(buffer, format=form[1:], dpi=_DOTS, metadata=_NO_DATE[form])
    write_atomically(path, buffer.getvalue())


def styles() -> Iterator[tuple[str, str]]:
    """Pairs of a line style and a colour, each a different one as long as there are some."""
    return cycle(product(_LINES, COLOURS))


def literal(text: str, most: int) -> str:
    """Text that matplotlib neither parses as mathematics nor leaves out of the legend, and has room for.

    Args:
        text: any.
        most: characters that there is room for.
    """
    whole = visible(text)
    shown = (whole if len(whole) <= most else f"{whole[: most // 2]}...{whole[-most // 2 :]}").replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown
