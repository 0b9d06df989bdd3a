"""One leaderboard in four forms: for a terminal, a page, a spreadsheet and a program."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from itertools import groupby
from typing import TYPE_CHECKING

from robusthash.results.board import Kind, Leaderboard, Row, Score, Section, Setting, Standing
from robusthash.specs import Goal

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

_STYLES = {Kind.CLEAN: "green", Kind.NOISE: "", Kind.UNBOUNDED: "", Kind.ATTACK: "", Kind.FLOOR: "dim"}


def render(leaderboard: Leaderboard, *, ties: bool = False) -> "Group":
    """Tables for a terminal of a hundred columns or so.

    Args:
        leaderboard: as :func:`robusthash.results.build` makes it.
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
        head = _head(section, ties=ties)
        blocks.append(_markdown_table(head, [_cells(row, section, ties=ties) for row in section.rows]))
        blocks.extend(f"- {note}" for note in _notes(section))
    return "\n\n".join(blocks) + "\n"


def to_csv(leaderboard: Leaderboard) -> str:
    """One line a row, with everything: the section's setting, full precision, intervals and tie bands."""
    buffer = io.StringIO()
    settings = [entry.name for entry in fields(Setting)]
    scores = [entry.name for entry in fields(Score)]
    plain = [entry.name for entry in fields(Row) if entry.name not in ("score", "target", "flags")]
    names = [*settings, *plain, *scores, *(f"target_{name}" for name in scores), "flags"]
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    for section in leaderboard.sections:
        for row in section.rows:
            line = asdict(section.setting) | {name: getattr(row, name) for name in plain}
            line |= asdict(row.score) if row.score else {}
            line |= {f"target_{name}": value for name, value in asdict(row.target).items()} if row.target else {}
            writer.writerow(line | {"flags": " ".join(flag.id for flag in row.flags)})
    return buffer.getvalue()


def to_json(leaderboard: Leaderboard) -> str:
    """The whole leaderboard, in full precision."""
    return json.dumps(asdict(leaderboard), indent=2, allow_nan=False) + "\n"


def title(setting: Setting) -> str:
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
    table = _table(_head(section, ties=ties))
    for _, rows in groupby(section.rows, key=lambda row: row.model):
        for i, row in enumerate(rows):
            cells = [Text(cell) for cell in _cells(row, section, ties=ties)]
            if i:
                cells[1] = Text("")
            cells[-1].stylize("yellow")
            table.add_row(*cells, style="bold" if row.rank == 1 else _STYLES[row.kind])
        table.add_section()
    yield table
    for note in _notes(section):
        yield Text(note, style="yellow" if note.startswith("RH") else "dim")
    yield Text("")


def _table(head: list[str]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name in head:
        words = name in ("model", "attack", "under", "flags")
        table.add_column(name, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    return table


def _head(section: Section, *, ties: bool) -> list[str]:
    metric, band = _metric_name(section.setting), _band_name(ties=ties)
    target = [f"t-{metric} {band}"] if _has_targets(section) else []
    return ["#", "model", "attack", "clean", f"{metric} {band}", *target, "PSNR", "time/img", "flags"]


def _cells(row: Row, section: Section, *, ties: bool) -> list[str]:
    goal = "t" if row.goal == Goal.TARGETED and row.rank else ""
    return [
        f"{goal}{row.rank}" if row.rank else "",
        row.model,
        row.label,
        _number(row.clean) if row.kind is not Kind.CLEAN else "",
        _interval(row.score, ties=ties),
        *([_interval(row.target, ties=ties)] if _has_targets(section) else []),
        f"{row.psnr:.1f}" if row.psnr is not None else "",
        _duration(row.seconds),
        " ".join(flag.id for flag in row.flags),
    ]


def _standing_head(goal: str, setting: Setting, *, ties: bool) -> list[str]:
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


def _notes(section: Section) -> Iterator[str]:
    """What has to be said below a table."""
    for row in section.rows:
        yield from (f"{flag.id} {row.model}, {row.label}: {flag.message}" for flag in row.flags)
    if _has_targets(section):
        yield "t: targeted, ranked by relevance to the target label (higher is stronger)"
    if section.superseded:
        count = section.superseded
        yield f"{count} older record{'s' if count > 1 else ''} of the same cells, evaluated again since, not shown"


def _has_targets(section: Section) -> bool:
    return any(row.target for row in section.rows)


def _metric_name(setting: Setting) -> str:
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
