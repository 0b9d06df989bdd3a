"""How series are told apart: by colour, by shape, and by dashes, so that no reader needs the colours."""

from collections.abc import Mapping, Sequence

from robusthash.results.report.charts.svg import Svg, element, points

COLOURS = 6  #: classes ``s0`` to ``s5`` of the style sheet
_DASHES = ("", "7 4", "9 3 2 3", "12 3")
_DOTS = "1.5 3"  #: of references
_RADIUS = 4.0
_SWATCH = 26  #: width of a swatch in a legend
_CORNERS: Mapping[str, Sequence[tuple[float, float]]] = {
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "triangle": [(0, -1.25), (1.2, 1), (-1.2, 1)],
    "diamond": [(0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)],
    "inverted": [(0, 1.25), (1.2, -1), (-1.2, -1)],
    "bow": [(-1.2, -1), (1.2, 1), (1.2, -1), (-1.2, 1)],
}
_SHAPES = ("circle", *_CORNERS)


def colour(number: int) -> str:
    """The class of a series."""
    return f"s{number % COLOURS}"


def stroked(number: int, *, reference: bool = False) -> dict[str, str]:
    """The attributes of a series' line. Series that share a colour have other dashes; references are dotted."""
    dashes = _DOTS if reference else _DASHES[(number // COLOURS) % len(_DASHES)]
    return {"class_": f"line {colour(number)}", **({"stroke_dasharray": dashes} if dashes else {})}


def marker(number: int, x: float, y: float, *, hollow: bool = False, label: str = "") -> Svg:
    """The shape of a series at a place.

    Args:
        number: of the series.
        x: horizontal place.
        y: vertical place.
        hollow: whether only its outline is drawn.
        label: what a pointer on it is told.
    """
    title = (element("title", label),) if label else ()
    style = f"{'hollow' if hollow else 'filled'} {colour(number)}"
    shape = _SHAPES[number % len(_SHAPES)]
    if shape == "circle":
        return element("circle", *title, class_=style, cx=x, cy=y, r=_RADIUS)
    corners = [(x + dx * _RADIUS, y + dy * _RADIUS) for dx, dy in _CORNERS[shape]]
    return element("polygon", *title, class_=style, points=points(corners))


def swatch(number: int, *, line: bool = True, reference: bool = False, hollow: bool = False) -> Svg:
    """A series in a legend.

    Args:
        number: of the series.
        line: whether it is a line with markers.
        reference: whether it is drawn as references are.
        hollow: whether its markers are outlines.
    """
    stroke = [element("line", x1=1, x2=_SWATCH - 1, y1=7, y2=7, **stroked(number, reference=reference))] if line else []
    return element(
        "svg",
        *stroke,
        marker(number, _SWATCH / 2, 7, hollow=hollow or reference),
        class_="swatch",
        viewBox=f"0 0 {_SWATCH} 14",
        width=_SWATCH,
        height=14,
        aria_hidden="true",
    )
