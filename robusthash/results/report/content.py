"""The report as data: everything that its pages say. A pure function of results folders."""

from collections.abc import Iterator
from dataclasses import dataclass

from robusthash.results.comparing.keys import attack_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.curves.curves import build_curves
from robusthash.results.curves.panels import Over
from robusthash.results.facts import Facts, metrics, recipe, results
from robusthash.results.gate.verdict import Verdict
from robusthash.results.leaderboard.board import Row, RowKind, Section, Transfer
from robusthash.results.leaderboard.ranking import build_leaderboard
from robusthash.results.leaderboard.sheets import sheets
from robusthash.results.records.outcome import Flag, Score
from robusthash.results.records.stages import CLEAN
from robusthash.results.rendering.sheet import Line, Note, Sheet, Table
from robusthash.results.report.charts.chart import Chart
from robusthash.results.report.charts.lines import curve_charts
from robusthash.results.report.charts.scatter import scatter, sentences
from robusthash.results.report.checks import CHECKS, CheckText
from robusthash.results.report.command import eval_command, reproduce_command
from robusthash.results.report.details.findings import Databases, Findings, findings
from robusthash.results.report.sources import Entry, Gathered

PICTURES = 100  #: queries with pictures in a report, unless somebody asks for another number

_PER_RECORD = 10  #: of them
_HEATS = 9  #: shades of a transfer matrix
_TITLES = {
    Over.EPSILON: "Radius",
    Over.EFFORT: "Effort",
    Over.BITS: "Code length",
    Over.JPEG: "JPEG quality",
    Over.ITERATION: "Steps within a run",
}
_LACKING = {
    Over.EPSILON: "evaluate at several: robusthash eval --epsilon 0.1 --epsilon 0.2",
    Over.EFFORT: "evaluate with several: robusthash eval --vary rnm.steps=10,50,100",
    Over.BITS: "evaluate several: robusthash eval --bits 16 --bits 32",
    Over.JPEG: "evaluate with some: robusthash eval --jpeg 90 --jpeg 75",
    Over.ITERATION: "gradient attacks store a trace: evaluate one",
}


@dataclass(frozen=True, kw_only=True)
class BoardRow:
    """A row of the leaderboard.

    Attributes:
        line: its cells.
        row: what it is, for filters, and its record.
    """

    line: Line
    row: Row


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A transfer matrix.

    Attributes:
        table: its numbers.
        heats: by line, the shade of each cell but the first, from 0 to 9; None for an empty one.
    """

    table: Table
    heats: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class BoardSection:
    """Comparable rows of the leaderboard.

    Attributes:
        title: what they have in common.
        standings: tables of the victims by robustness; none for a single victim.
        short: what each victim keeps, in a sentence.
        chart: clean against robust; None if nothing was attacked.
        matrices: transfer matrices.
        table: of all rows.
        rows: the same, line by line.
        notes: flags, and what letters mean.
    """

    title: str
    standings: tuple[Table, ...]
    short: tuple[str, ...]
    chart: Chart | None
    matrices: tuple[Matrix, ...]
    table: Table
    rows: tuple[BoardRow, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Curves over one quantity.

    Attributes:
        title: the quantity.
        charts: one per panel.
        lacking: how to get some, if there are none.
    """

    title: str
    charts: tuple[Chart, ...]
    lacking: str


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """What is shown of one record.

    Attributes:
        digest: of the record.
        entry: the record.
        victim: its name in the leaderboard.
        attack: its name in the leaderboard.
        clean: the score of the clean queries that it is judged by.
        score: the score under attack.
        flags: failed checks, explained; None for one that this version does not know.
        findings: what its arrays show.
        metrics: all of its metrics.
        facts: recipe and further results.
        reproduce: the command that makes its inputs again.
        evaluate: the command that evaluates it anew.
        current: whether the leaderboard shows it: no newer record is of the same cell.
    """

    digest: str
    entry: Entry
    victim: str
    attack: str
    clean: Score
    score: Score
    flags: tuple[tuple[Flag, CheckText | None], ...]
    findings: Findings
    metrics: Table
    facts: tuple[tuple[str, Facts], ...]
    reproduce: str
    evaluate: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report.

    Attributes:
        title: of its pages.
        gathered: the results.
        sections: the leaderboard.
        sweeps: curves.
        verdict: of the gate; None if there were no rules.
        order: digests of the records, those of the leaderboard first.
        pictures: most queries with pictures.
    """

    title: str
    gathered: Gathered
    sections: tuple[BoardSection, ...]
    sweeps: tuple[Sweep, ...]
    verdict: Verdict | None
    order: tuple[str, ...]
    pictures: int

    @property
    def flagged(self) -> int:
        """Number of records with a failed check."""
        return sum(bool(entry.record.outcome.flags) for entry in self.gathered.entries.values())

    def counted(self) -> Iterator[tuple[str, int]]:
        """What there is, and how much of it."""
        records = self.gathered.records
        yield "records", len(records)
        yield "datasets", len({record.dataset.digest for record in records})
        yield "victims", len({victim_key(record) for record in records})
        yield "attacks", len({record.attack.name for record in records})
        yield "with flags", self.flagged

    def pages(self) -> Iterator[RecordPage]:
        """What is shown of each record, in order; computed one after the other."""
        rows = {one.row.record: one.row for section in self.sections for one in section.rows if one.row.record}
        names, databases, left = Names.of(self.gathered.records), Databases(), self.pictures
        for digest in self.order:
            entry, row = self.gathered.entries[digest], rows.get(digest)
            page = _page(entry, row, names, databases, pictures=min(left, _PER_RECORD))
            left -= sum(bool(one.pictures) for one in page.findings.worst)
            yield page


def build_report(
    gathered: Gathered, *, title: str = "Robustness report", pictures: int = PICTURES, verdict: Verdict | None = None
) -> Report:
    """Makes a report.

    Args:
        gathered: the results.
        title: of its pages.
        pictures: most queries with pictures, those of the leaderboard's first records first.
        verdict: of a gate over the same results.
    """
    board = build_leaderboard(gathered.records)
    sections = tuple(_section(one, sheet) for one, sheet in zip(board.sections, sheets(board), strict=True))
    rows = sorted(
        (row for section in board.sections for row in section.rows), key=lambda row: row.kind is not RowKind.ATTACK
    )
    shown = [row.record for row in rows if row.record]
    return Report(
        title=title,
        gathered=gathered,
        sections=sections,
        sweeps=tuple(_sweeps(gathered)),
        verdict=verdict,
        order=tuple(dict.fromkeys([*shown, *reversed(list(gathered.entries))])),
        pictures=pictures,
    )


def _section(section: Section, sheet: Sheet) -> BoardSection:
    *others, rows = sheet.tables
    ranks, matrices = others[: len(others) - len(section.transfers)], others[len(others) - len(section.transfers) :]
    return BoardSection(
        title=sheet.title,
        standings=tuple(ranks),
        short=tuple(sentences(section)),
        chart=scatter(section),
        matrices=tuple(
            Matrix(table=table, heats=tuple(_heats(transfer)))
            for table, transfer in zip(matrices, section.transfers, strict=True)
        ),
        table=rows,
        rows=tuple(BoardRow(line=line, row=row) for line, row in zip(rows.lines, section.rows, strict=True)),
        notes=sheet.notes,
    )


def _heats(transfer: Transfer) -> Iterator[tuple[int | None, ...]]:
    highest = max([1.0, *transfer.clean])
    for values in (transfer.clean, *transfer.after):
        yield tuple(None if value is None else round(_HEATS * max(0.0, value) / highest) for value in values)


def _sweeps(gathered: Gathered) -> Iterator[Sweep]:
    for over, title in _TITLES.items():
        curves = build_curves(gathered.records, over, trace_of=gathered.trace)
        yield Sweep(title=title, charts=tuple(curve_charts(curves)), lacking=_LACKING[over])


def _page(entry: Entry, row: Row | None, names: Names, databases: Databases, *, pictures: int) -> RecordPage:
    record = entry.record
    return RecordPage(
        digest=record.digest,
        entry=entry,
        victim=row.model if row else names.victim(victim_key(record)),
        attack=row.label if row else names.attack(attack_key(record.attack)),
        clean=record.measure(CLEAN),
        score=record.measure(),
        flags=tuple((flag, CHECKS.get(flag.id)) for flag in record.outcome.flags),
        findings=findings(entry, databases, pictures=pictures),
        metrics=metrics(record),
        facts=(*recipe(record), *results(record)),
        reproduce=reproduce_command(record, entry.folder.store.root.resolve().name),
        evaluate=eval_command(record),
        current=row is not None,
    )
