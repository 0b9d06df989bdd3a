"""One leaderboard in four forms: for a terminal, a page, a spreadsheet and a program."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, asdict, dataclass, fields
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from robusthash.results.leaderboard.board import Heading, Leaderboard, Row, RowKind, Score, Section, Standing, Transfer
from robusthash.results.records.parts import Access
from robusthash.specs import Goal

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
    from rich.table import Table

_STYLES = {RowKind.CLEAN: "green", RowKind.NOISE: "", RowKind.UNBOUNDED: "", RowKind.ATTACK: "", RowKind.FLOOR: "dim"}
_LETTERS = {Access.WHITE_BOX: "", Access.TRANSFER: "x", Access.QUERIES: "q"}  #: before a rank
_SPARED = ("time/img", "PSNR", "clean")  #: columns that a narrow terminal does without, the first one first
_ENDLESS = 10_000  #: width that no table takes
_WORDS = frozenset({"model", "attack", "under", "flags"})  #: columns of words, which may be wrapped


def render(leaderboard: Leaderboard, *, ties: bool = False) -> "Group":
    """Tables for a terminal of a hundred columns or so.

    Args:
        leaderboard: as :func:`robusthash.results.build_leaderboard` makes it.
        ties: show the band between the worst and the best order of ties, in place of the 95 % interval.
    """
    from rich.console import Group

    return Group(*(part for section in leaderboard.sections for part in _parts(section, ties=ties)))


def to_markdown(leaderboard: Leaderboard, *, ties: bool = False) -> str:
    """The same tables in Markdown."""
    blocks = []
    for section in leaderboard.sections:
        blocks.append(f"## {title(section.setting)}")
        for goal, standings in groupby(section.standings, key=lambda one: one.goal):
            head = _standing_head(goal, section.setting, ties=ties)
            blocks.append(_markdown_table(head, [_standing_cells(one, ties=ties) for one in standings]))
        for transfer in section.transfers:
            blocks.append(f"### {_transfer_title(transfer, section.setting)}")
            blocks.append(_markdown_table(_transfer_head(transfer), list(_transfer_cells(transfer))))
        head = _head(section, ties=ties)
        blocks.append(_markdown_table(head, [_cells(row, section, ties=ties) for row in section.rows]))
        blocks.extend(f"- {note}" for note in _notes(section))
    return "\n\n".join(blocks) + "\n"


def to_csv(leaderboard: Leaderboard) -> str:
    """One line a row, with everything: the section's setting, full precision, intervals and tie bands.

    A section's ``queries`` are the images attacked; a row's are in ``queries_per_image``.
    """
    buffer = io.StringIO()
    settings = [entry.name for entry in fields(Heading)]
    scores = [entry.name for entry in fields(Score)]
    plain = [entry.name for entry in fields(Row) if entry.name not in ("score", "target", "flags", "queries")]
    names = [*settings, *plain, "queries_per_image", *scores, *(f"target_{name}" for name in scores), "flags"]
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    for section in leaderboard.sections:
        for row in section.rows:
            line = asdict(section.setting) | {name: getattr(row, name) for name in plain}
            line |= asdict(row.score) if row.score else {}
            line |= {f"target_{name}": value for name, value in asdict(row.target).items()} if row.target else {}
            line |= {"queries_per_image": row.queries, "flags": " ".join(flag.id for flag in row.flags)}
            writer.writerow(line)
    return buffer.getvalue()


def to_json(leaderboard: Leaderboard) -> str:
    """The whole leaderboard, in full precision."""
    return json.dumps(asdict(leaderboard), indent=2, allow_nan=False) + "\n"


def title(setting: Heading) -> str:
    """A section's setting in one line."""
    return (
        f"{setting.dataset}: {setting.queries} queries, {setting.database} items · {setting.threat} · "
        f"{setting.protocol} · {setting.relevance} · seed {setting.seed}"
    )


def _parts(section: Section, *, ties: bool) -> "Iterator[RenderableType]":
    from rich.text import Text

    yield Text(title(section.setting), style="bold")
    for goal, standings in groupby(section.standings, key=lambda one: one.goal):
        table = _table(_standing_head(goal, section.setting, ties=ties))
        for one in standings:
            places = [Text(cell) for cell in _standing_cells(one, ties=ties)]
            table.add_row(*places, style="bold" if one.rank == 1 else "" if one.rank else "dim")
        yield table
    for transfer in section.transfers:
        yield Text(_transfer_title(transfer, section.setting))
        head = _transfer_head(transfer)
        table = _table(head, left=frozenset(head[:1]), wrapped=frozenset(head))
        for line in _transfer_cells(transfer):
            table.add_row(*(Text(cell) for cell in line))
        yield table
    yield _Rows(section, ties=ties)
    for note in _notes(section):
        yield Text(note, style="yellow" if note.startswith("RH") else "dim")
    yield Text("")


@dataclass(frozen=True)
class _Rows:
    """The rows of a section as a table that leaves columns out where a terminal is too narrow for whole words."""

    section: Section
    _: KW_ONLY
    ties: bool

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.measure import Measurement

        whole = options.update(width=_ENDLESS)
        columns = zip(*self._lines(), strict=True)
        words = [column for column in columns if column[0] in _WORDS]
        gained = sum(max(map(len, column)) - max(map(len, " ".join(column).split())) for column in words)
        for count in range(len(_SPARED) + 1):
            table = self._without(_SPARED[:count])
            if Measurement.get(console, whole, table).maximum - gained <= options.max_width:
                break
        yield table

    def _lines(self) -> list[list[str]]:
        """The head, and the cells of each row."""
        cells = (_cells(row, self.section, ties=self.ties) for row in self.section.rows)
        return [_head(self.section, ties=self.ties), *cells]

    def _without(self, spared: tuple[str, ...]) -> "Table":
        from rich.text import Text

        head, *lines = self._lines()
        shown = [i for i, name in enumerate(head) if name not in spared]
        table = _table([head[i] for i in shown])
        for _, rows in groupby(zip(self.section.rows, lines, strict=True), key=lambda pair: pair[0].model):
            for i, (row, line) in enumerate(rows):
                cells = [Text(cell) for cell in line]
                if i:
                    cells[1] = Text("")
                cells[-1].stylize("yellow")
                table.add_row(*(cells[place] for place in shown), style="bold" if row.rank == 1 else _STYLES[row.kind])
            table.add_section()
        return table


def _table(head: list[str], *, left: frozenset[str] = _WORDS, wrapped: frozenset[str] = _WORDS) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name in head:
        justify: Literal["left", "right"] = "left" if name in left else "right"
        broken = re.sub(r"(?=/img$)", "\n", name)
        table.add_column(broken, justify=justify, no_wrap=name not in wrapped, overflow="fold")
    return table


def _head(section: Section, *, ties: bool) -> list[str]:
    metric, band = _metric_name(section.setting), _band_name(ties=ties)
    target = [f"t-{metric} {band}"] if _has_targets(section) else []
    queries = ["queries/img"] if _has_queries(section) else []
    return ["#", "model", "attack", "clean", f"{metric} {band}", *target, "PSNR", *queries, "time/img", "flags"]


def _cells(row: Row, section: Section, *, ties: bool) -> list[str]:
    return [
        f"{_letters(row)}{row.rank}" if row.rank else "",
        row.model,
        row.label,
        _number(row.clean) if row.kind is not RowKind.CLEAN else "",
        _interval(row.score, ties=ties),
        *([_interval(row.target, ties=ties)] if _has_targets(section) else []),
        f"{row.psnr:.1f}" if row.psnr is not None else "",
        *([f"{row.queries:.1f}" if row.queries is not None else ""] if _has_queries(section) else []),
        _duration(row.seconds),
        " ".join(flag.id for flag in row.flags),
    ]


def _letters(row: Row) -> str:
    """What tells ranks of one table apart that are not about the same attacks: ``xt`` for a targeted transfer."""
    return (_LETTERS[row.access] if row.access else "") + ("t" if row.goal == Goal.TARGETED else "")


def _standing_head(goal: str, setting: Heading, *, ties: bool) -> list[str]:
    prefix = "t-" if goal == Goal.TARGETED else ""
    return ["#", "model", "clean", f"worst {prefix}{_metric_name(setting)} {_band_name(ties=ties)}", "under"]


def _standing_cells(one: Standing, *, ties: bool) -> list[str]:
    return [
        str(one.rank) if one.rank else "-",
        one.model,
        _number(one.clean),
        _interval(one.worst, ties=ties),
        one.attack or f"incomplete (lacks {', '.join(one.lacks)})",
    ]


def _transfer_title(transfer: Transfer, setting: Heading) -> str:
    prefix = "t-" if transfer.goal == Goal.TARGETED else ""
    return f"{transfer.attack}: {prefix}{_metric_name(setting)} by surrogate (rows) and victim (columns)"


def _transfer_head(transfer: Transfer) -> list[str]:
    return ["surrogate", *transfer.victims]


def _transfer_cells(transfer: Transfer) -> Iterator[list[str]]:
    yield ["clean queries", *(_number(value) for value in transfer.clean)]
    for surrogate, line in zip(transfer.surrogates, transfer.after, strict=True):
        yield [surrogate, *("-" if value is None else _number(value) for value in line)]


def _notes(section: Section) -> Iterator[str]:
    """What has to be said below a table."""
    for row in section.rows:
        yield from (f"{flag.id} {row.model}, {row.label}: {flag.message}" for flag in row.flags)
    if _has_targets(section):
        yield "t: targeted, ranked by relevance to the target label (higher is stronger)"
    accesses = {row.access for row in section.rows if row.rank}
    if Access.TRANSFER in accesses:
        yield "x: crafted on another model (transfer), ranked apart from white-box attacks"
    if Access.QUERIES in accesses:
        yield "q: asks the victim's service (queries), ranked apart from white-box attacks"
    if section.superseded:
        count = section.superseded
        yield f"{count} older record{'s' if count > 1 else ''} of the same cells, evaluated again since, not shown"


def _has_targets(section: Section) -> bool:
    return any(row.target for row in section.rows)


def _has_queries(section: Section) -> bool:
    return any(row.queries is not None for row in section.rows)


def _metric_name(setting: Heading) -> str:
    return "MAP" if setting.metric == "map" else setting.metric


def _band_name(*, ties: bool) -> str:
    return "[ties]" if ties else "[95 %]"


def _interval(score: Score | None, *, ties: bool) -> str:
    if score is None:
        return ""
    low, high = (score.worst, score.best) if ties else (score.low, score.high)
    return _number(score.value) + (f" [{_number(low)}, {_number(high)}]" if low is not None else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _duration(seconds: float | None) -> str:
    """Time in three digits and a unit.

    >>> _duration(0.0123), _duration(4.5), _duration(90.0)
    ('12.3 ms', '4.5 s', '90 s')
    """
    if seconds is None:
        return ""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
