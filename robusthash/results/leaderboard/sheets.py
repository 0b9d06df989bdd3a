"""The leaderboard as tables of text, shared by terminal, Markdown and HTML."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from robusthash.results.comparing.comparable import metric_title
from robusthash.results.leaderboard.board import (
    Heading,
    Leaderboard,
    Row,
    RowKind,
    Section,
    Standing,
    Transfer,
)
from robusthash.results.records.outcome import Score
from robusthash.results.records.parts import Access
from robusthash.results.records.stages import Against
from robusthash.results.rendering.sheet import Column, Emphasis, Line, Note, Sheet, Table
from robusthash.specs import Goal

_NAME = 11  #: columns of text that a model is given before numbers are omitted: dpsh 32 bit
_LETTERS = {Access.WHITE_BOX: "", Access.TRANSFER: "x", Access.QUERIES: "q"}  #: before a rank
_EMPHASIS = {RowKind.CLEAN: Emphasis.CLEAN, RowKind.FLOOR: Emphasis.FAINT}


def sheets(leaderboard: Leaderboard, *, ties: bool = False) -> Iterator[Sheet]:
    """A sheet per section: standings, transfer matrices, and all rows.

    Args:
        leaderboard: as :func:`robusthash.results.build_leaderboard` makes it.
        ties: show the band between the worst and the best order of ties instead of the 95 % interval.
    """
    for section in leaderboard.sections:
        heading = section.setting
        ranks = (
            _standings(goal, heading, list(found), ties=ties)
            for goal, found in groupby(section.standings, key=lambda one: one.goal)
        )
        matrices = (_transfer(transfer, heading) for transfer in section.transfers)
        yield Sheet(
            title=heading.title(heading.threat),
            tables=(*ranks, *matrices, rows_table(section, ties=ties)),
            notes=tuple(_notes(section)),
        )


def rows_table(section: Section, *, ties: bool) -> Table:
    """The table of all rows of a section."""
    rows, metric, band = section.rows, section.setting.metric, _band(ties=ties)
    target = f"{metric_title(metric, Against.TARGET)} {band}"
    targets = (Column(name=target, ranged=True), [_interval(row.target, ties=ties) for row in rows])
    calls = (Column(name="calls/query", omitted=3), [_rounded(row.queries) for row in rows])
    learning = (Column(name="learning", omitted=0), [_duration(row.learning_seconds) for row in rows])
    told = [
        (Column(name="#", omitted=7), [f"{_letters(row)}{row.rank}" if row.rank else "" for row in rows]),
        (Column(name="model", words=True, grouped=True, least=_NAME), [row.model for row in rows]),
        (Column(name="attack", words=True), [row.label for row in rows]),
        (
            Column(name="clean", omitted=4),
            ["" if row.kind is RowKind.CLEAN else _number(row.clean) for row in rows],
        ),
        (
            Column(name=f"{metric_title(metric)} {band}", ranged=True),
            [_interval(row.score, ties=ties) for row in rows],
        ),
        *([targets] if _has_targets(section) else []),
        *(_searched(rows) if any(row.exact is not None for row in rows) else []),
        *(_compressed(rows, quality) for quality in section.qualities),
        (Column(name="PSNR", omitted=2), [_rounded(row.psnr) for row in rows]),
        *([calls] if any(row.queries is not None for row in rows) else []),
        (Column(name="time/query", omitted=1), [_duration(row.seconds) for row in rows]),
        *([learning] if any(row.learning_seconds is not None for row in rows) else []),
        (
            Column(name="flags", words=True, warning=True, omitted=5),
            [" ".join(flag.id for flag in row.flags) for row in rows],
        ),
    ]
    by_row = zip(*(cells for _, cells in told), strict=True)
    lines = tuple(Line(cells=cells, emphasis=_emphasis(row)) for row, cells in zip(rows, by_row, strict=True))
    return Table(columns=tuple(column for column, _ in told), lines=lines)


def _searched(rows: Iterable[Row]) -> Iterator[tuple[Column, list[str]]]:
    """The exact score, and what was found of it."""
    kept = list(rows)
    yield Column(name="exact"), [_number(row.exact) for row in kept]
    yield Column(name="recall", omitted=8), [_number(row.recall) for row in kept]
    yield Column(name="returned"), [_number(row.returned) for row in kept]


def _compressed(rows: Iterable[Row], quality: int) -> tuple[Column, list[str]]:
    """The scores after JPEG compression."""
    column = Column(name=f"JPEG {quality}", omitted=6)
    return column, [_number(row.jpeg[quality].value) if quality in row.jpeg else "" for row in rows]


def _emphasis(row: Row) -> Emphasis:
    return Emphasis.BEST if row.rank == 1 else _EMPHASIS.get(row.kind, Emphasis.NONE)


def _letters(row: Row) -> str:
    """Prefix of a rank, for access and goal: ``xt`` for a targeted transfer attack."""
    return (_LETTERS[row.access] if row.access else "") + ("t" if row.goal == Goal.TARGETED else "")


def _standings(goal: Goal, heading: Heading, found: list[Standing], *, ties: bool) -> Table:
    columns = (
        Column(name="#"),
        Column(name="model", words=True),
        Column(name="clean", omitted=0),
        Column(name=f"worst {_judged(goal, heading)} {_band(ties=ties)}", ranged=True),
        Column(name="under", words=True),
    )
    lines = (
        Line(
            cells=(
                str(one.rank) if one.rank else "-",
                one.model,
                _number(one.clean),
                _interval(one.worst, ties=ties),
                one.attack or f"incomplete (lacks {', '.join(one.lacks)})",
            ),
            emphasis=Emphasis.BEST if one.rank == 1 else Emphasis.NONE if one.rank else Emphasis.FAINT,
        )
        for one in found
    )
    return Table(columns=columns, lines=tuple(lines))


def _transfer(transfer: Transfer, heading: Heading) -> Table:
    lines = [Line(cells=("clean queries", *(_number(value) for value in transfer.clean)))]
    for surrogate, values in zip(transfer.surrogates, transfer.after, strict=True):
        lines.append(Line(cells=(surrogate, *("-" if value is None else _number(value) for value in values))))
    return Table(
        columns=(
            Column(name="surrogate", words=True),
            *(Column(name=victim) for victim in transfer.victims),
        ),
        lines=tuple(lines),
        caption=f"{transfer.attack}: {_judged(transfer.goal, heading)} by surrogate (rows) and victim (columns)",
    )


def _notes(section: Section) -> Iterator[Note]:
    """Notes below the tables."""
    for row in section.rows:
        for flag in row.flags:
            yield Note(text=f"{flag.id} {row.model}, {row.label}: {flag.message}", warning=True)
    if _has_targets(section):
        yield Note(text="t: targeted, ranked by relevance to the target label (higher is stronger)")
    accesses = {row.access for row in section.rows if row.rank}
    if Access.TRANSFER in accesses:
        yield Note(text="x: crafted on another model (transfer), ranked apart from white-box attacks")
    if Access.QUERIES in accesses:
        yield Note(text="q: queries the victim's service, ranked apart from white-box attacks")
    if any(row.exact is not None for row in section.rows):
        yield Note(text="the lists that the index returned are scored; exact: what the codes allow")
    if section.qualities:
        metric = metric_title(section.setting.metric)
        judged = f"{metric} (of targeted attacks t-{metric})" if _has_targets(section) else metric
        yield Note(text=f"JPEG: {judged} after compression of this quality; intervals are in --format csv and json")
    if section.superseded:
        many = "s" if section.superseded > 1 else ""
        yield Note(text=f"not shown: {section.superseded} older record{many} of cells that were evaluated again")


def _has_targets(section: Section) -> bool:
    return any(row.target for row in section.rows)


def _judged(goal: Goal, heading: Heading) -> str:
    return metric_title(heading.metric, Against.TARGET if goal is Goal.TARGETED else Against.OWN)


def _band(*, ties: bool) -> str:
    return "[ties]" if ties else "[95 %]"


def _interval(score: Score | None, *, ties: bool) -> str:
    if score is None:
        return ""
    low, high = (score.worst, score.best) if ties else (score.low, score.high)
    return _number(score.value) + (f" [{_number(low)}, {_number(high)}]" if low is not None else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _duration(seconds: float | None) -> str:
    """A duration with three digits and a unit.

    >>> _duration(0.0123), _duration(4.5), _duration(90.0)
    ('12.3 ms', '4.5 s', '90 s')
    """
    if seconds is None:
        return ""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
