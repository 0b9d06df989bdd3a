"""Bits of a code: how often each turns under the attack, and how balanced it is over the database."""

from collections.abc import Iterator, Sequence

from robusthash.results.rendering.sheet import Column, Line, Table
from robusthash.results.report.charts.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from robusthash.results.report.charts.chart import Chart, drawing
from robusthash.results.report.charts.svg import Svg, element

_GAP = 18  #: between the two rows
_NAMED = 3  #: bits that the description names


def bit_chart(turned: Sequence[float], ones: Sequence[float] | None) -> Chart:
    """The chart.

    Args:
        turned: by bit, the share of the queries whose bit turned.
        ones: by bit, the share of the database's codes in which it is set; None if these codes are not known.
    """
    title = "Bits that turn" if ones is None else "Bits that turn, and how balanced they are"
    order = sorted(range(len(turned)), key=lambda bit: -turned[bit])
    named = ", ".join(f"{bit} ({turned[bit]:.0%})" for bit in order[:_NAMED])
    never = sum(share == 0 for share in turned)
    description = f"Most often turn bits {named}; {never} of {len(turned)} never do"
    if ones is not None:
        constant = sum(share in (0, 1) for share in ones)
        description += f". In the database, {constant} bits are the same in all codes"
    return Chart(
        title=title,
        description=description,
        drawing=drawing(title, description, _drawn(turned, ones)),
        table=_table(turned, ones),
    )


def _drawn(turned: Sequence[float], ones: Sequence[float] | None) -> Iterator[Svg]:
    bottom = HEIGHT - BOTTOM
    middle = bottom if ones is None else TOP + (bottom - TOP) * 0.55
    yield from _grid(TOP, middle, "queries that turn it")
    width = (WIDTH - LEFT - RIGHT) / len(turned)
    heights = [(bit, share * (middle - TOP)) for bit, share in enumerate(turned) if share]
    bars = [
        element("rect", x=LEFT + (bit + 0.1) * width, y=middle - height, width=width * 0.8, height=height)
        for bit, height in heights
    ]
    yield element("g", *bars, class_="after")
    if ones is not None:
        yield from _grid(middle + _GAP, bottom, "set in codes")
        room, radius = bottom - middle - _GAP, min(3.0, width / 2)
        dots = [
            element("circle", cx=LEFT + (bit + 0.5) * width, cy=bottom - share * room, r=radius)
            for bit, share in enumerate(ones)
        ]
        yield element("g", *dots, class_="before")
    for bit in _labelled(len(turned)):
        at = LEFT + (bit + 0.5) * width
        yield element("text", str(bit), class_="tick", x=at, y=bottom + 16, text_anchor="middle")
    yield element("text", "bit", class_="axis", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle")


def _grid(top: float, bottom: float, title: str) -> Iterator[Svg]:
    for share in (0, 0.5, 1):
        at = bottom - share * (bottom - top)
        style = "base" if share == 0 else "grid"
        yield element("line", class_=style, x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at)
        yield element("text", f"{share:.0%}", class_="tick", x=LEFT - 4, y=at + 4, text_anchor="end")
    yield element("text", title, class_="label", x=WIDTH - RIGHT, y=top - 2 + 12, text_anchor="end")


def _labelled(bits: int) -> range:
    step = next((one for one in (1, 2, 4, 8, 16, 32, 64, 128) if bits / one <= 16), max(1, bits // 8))
    return range(0, bits, step)


def _table(turned: Sequence[float], ones: Sequence[float] | None) -> Table:
    balance = [] if ones is None else [Column(name="set in the database")]
    lines = [
        Line(cells=(str(bit), f"{share:.1%}", *([] if ones is None else [f"{ones[bit]:.1%}"])))
        for bit, share in enumerate(turned)
    ]
    return Table(columns=(Column(name="bit"), Column(name="queries that turn it"), *balance), lines=tuple(lines))
