"""Clean against robust: what the victims of a section keep of their quality, under each attack."""

from collections.abc import Iterator, Mapping, Sequence

from robusthash.results.comparing.comparable import metric_title
from robusthash.results.leaderboard.board import Row, RowKind, Section
from robusthash.results.report.charts.axes import LEFT, RIGHT, WIDTH, Axis, frame, round_axis, x_place, y_place
from robusthash.results.report.charts.chart import Chart, Entry, drawing
from robusthash.results.report.charts.styles import marker, swatch
from robusthash.results.report.charts.svg import Svg, element

_ALL_NAMED = 18  #: up to so many victims are in the legend

Victims = Mapping[str, Sequence[tuple[float, Row]]]  #: the clean score, and the row of an attack, by victim


def scatter(section: Section) -> Chart | None:
    """A point per victim and attack; the strongest attack on each victim is filled. None if nothing was attacked.

    Args:
        section: of a leaderboard.
    """
    victims = _attacked(section)
    if not victims:
        return None
    metric = metric_title(section.setting.metric)
    title = f"Clean against robust {metric}"
    description = "; ".join(sentences(section))
    left_out = len(victims) - _ALL_NAMED
    return Chart(
        title=title,
        description=description,
        drawing=drawing(title, description, _drawn(victims, metric)),
        legend=tuple(
            Entry(swatch=swatch(place, line=False), text=victim)
            for place, victim in enumerate(list(victims)[:_ALL_NAMED])
        ),
        notes=(
            "Filled: the strongest attack on a victim. Outlined: weaker ones and noise. On the line nothing is lost.",
            *([f"{left_out} more victims are drawn without a name"] if left_out > 0 else []),
        ),
    )


def sentences(section: Section) -> Iterator[str]:
    """What each victim of a section keeps under the strongest attack on it."""
    for victim, rows in _attacked(section).items():
        clean, worst = min(rows, key=lambda one: _score(one[1]))
        yield f"{victim}: clean {clean:.3f}, at worst {_score(worst):.3f} under {worst.label}"


def _attacked(section: Section) -> Victims:
    victims: dict[str, list[tuple[float, Row]]] = {}
    for row in section.rows:
        if row.kind in (RowKind.ATTACK, RowKind.REFERENCE) and row.clean is not None and row.score is not None:
            victims.setdefault(row.model, []).append((row.clean, row))
    return victims


def _drawn(victims: Victims, metric: str) -> Iterator[Svg]:
    cleans = [clean for rows in victims.values() for clean, _ in rows]
    scores = [_score(row) for rows in victims.values() for _, row in rows]
    room = max(0.05, (max(cleans) - min(cleans)) / 4)
    x = round_axis(max(0.0, min(cleans) - room), max(*cleans, min(1.0, max(cleans) + room)), f"clean {metric}")
    y = round_axis(0, max(1.0, *scores), f"{metric} under attack")
    yield from frame(x, y)
    yield _diagonal(x, y)
    for place, (victim, rows) in enumerate(victims.items()):
        worst = min(rows, key=lambda one: _score(one[1]))
        for clean, row in sorted(rows, key=lambda one: one is worst):
            told = f"{victim}, {row.label}: {_score(row):.3f}, clean {clean:.3f}"
            hollow = (clean, row) != worst
            yield marker(place, x_place(x, clean), y_place(y, _score(row)), hollow=hollow, label=told)


def _diagonal(x: Axis, y: Axis) -> Svg:
    """Where the attacked score is the clean one, as far as both axes reach."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    if low >= high:
        return element("line", class_="base", x1=LEFT, x2=WIDTH - RIGHT, y1=y_place(y, y.high), y2=y_place(y, y.high))
    ends = {"x1": x_place(x, low), "x2": x_place(x, high), "y1": y_place(y, low), "y2": y_place(y, high)}
    return element("line", class_="diagonal", stroke_dasharray="4 4", **ends)


def _score(row: Row) -> float:
    return row.score.value if row.score else 0.0
