"""Every function that puts records into a format, with names that are chosen to do harm there.

The functions are found, not listed: a new one fails here until it has a line in the table, with the form in which its
output is checked.
"""

import csv
import importlib
import inspect
import io
import json
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robusthash import results
from robusthash.results import (
    ADVERSARIAL,
    CLEAN,
    Pictures,
    QueryArrays,
    Record,
    ResultStore,
    ScoreKey,
    build_leaderboard,
)
from robusthash.results.curves import files as curves
from robusthash.results.curves.curves import build_curves
from robusthash.results.curves.panels import Curves, Over
from robusthash.results.curves.plots import save_plot
from robusthash.results.curves.terminal import render_curves
from robusthash.results.figures.bits import save_bits
from robusthash.results.figures.cam import save_cam
from robusthash.results.figures.distribution import save_distribution
from robusthash.results.figures.worst import save_worst
from robusthash.results.gate import State, Verdict
from robusthash.results.gate.rendering import github, junit, plain, sarif, terminal
from robusthash.results.leaderboard import files as boards
from robusthash.results.leaderboard.terminal import render
from robusthash.results.rendering import escaping
from robusthash.results.rendering.csv import lines_to_csv
from robusthash.results.rendering.escaping import visible
from robusthash.results.rendering.html import sheets_to_html
from robusthash.results.rendering.latex import sheets_to_latex
from robusthash.results.rendering.markdown import sheets_to_markdown
from robusthash.results.rendering.sheet import Column, Emphasis, Line, Note, Sheet, Table
from robusthash.results.rendering.terminal import as_text
from robusthash.results.report import Report, build_report, gather, site_pages, to_html, write_site
from robusthash.results.report.feed import feed_schema
from robusthash.results.submission import rendering as submission
from robusthash.results.submission.finding import Check, Examination, Finding
from tests.results.gate.test_renderings import everything
from tests.results.test_hostile import NAMES, Tags, hostile_records

BLANK = np.zeros((1, 2, 2, 3), np.uint8)
HEAT = BLANK[..., 0]
FIRST = np.zeros(1, np.int64)
PICTURES = Pictures(
    rows=FIRST, clean=BLANK, adversarial=BLANK, items=FIRST, item_images=BLANK, cam_clean=HEAT, cam_adversarial=HEAT
)
ITEMS = {"packed": np.zeros((1, 4), np.uint8), "labels": np.ones((1, 1), np.uint8)}

_RENDERS = re.compile(r"(to|render|save|draw|write)_|\w+_to_|render$|annotations$|lines$")
_RENDER_NOTHING = {
    "robusthash.results.gate.baseline.write_baseline": "a file for the gate, which is read as JSON of its own type",
    "robusthash.results.gate.statistics.queries_to_decide": "a number",
}


def _curves(records: Sequence[Record]) -> Curves:
    return build_curves(records, Over.EPSILON)


def _sheet(name: str) -> list[Sheet]:
    table = Table(
        columns=(Column(name=name, words=True, grouped=True), Column(name=name, ranged=True)),
        lines=tuple(Line(cells=(name, name), emphasis=emphasis) for emphasis in Emphasis),
        caption=name,
    )
    return [Sheet(title=name, lead=name, tables=(table,), notes=(Note(text=name), Note(text=name, warning=True)))]


class Told:
    """What renderers are given: records, a verdict and a sheet in which a name is everywhere."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.records = hostile_records(name)
        self.board = build_leaderboard(self.records)
        self.curves = _curves(self.records)
        self.sheets = _sheet(name)

    @cached_property
    def verdict(self) -> Verdict:
        return everything(self.folder, self.name)

    @cached_property
    def report(self) -> Report:
        store = ResultStore(self.folder / "results")
        for record in self.records:
            store.save(record, QueryArrays())
        return build_report(gather([store.root]), title=self.name)

    @cached_property
    def site(self) -> list[Path]:
        return write_site(self.folder / "site", site_pages(self.report))

    @property
    def examination(self) -> Examination:
        findings = [
            Finding(check=Check.TEXT, where=Path(self.name[:200]), message=self.name, hint=self.name, state=state)
            for state in (State.FAIL, State.INCONCLUSIVE)
        ]
        return Examination(folders=(Path(self.name[:200]),), records=1, findings=tuple(findings))

    def drawn(self, save: Callable[[Path], None]) -> str:
        path = self.folder / "drawn.svg"
        save(path)
        return path.read_text(encoding="utf-8")

    @property
    def alike(self) -> list[Record]:
        """Records of one victim, whose labels decide relevance as they may."""
        record = self.records[0]
        return [replace(record, scoring=replace(record.scoring, relevance="exact"))]

    def arrays(self) -> dict[str, QueryArrays]:
        metric = self.records[0].scoring.headline
        found = QueryArrays(
            codes=dict.fromkeys((CLEAN, ADVERSARIAL), np.zeros((1, 4), np.uint8)),
            scores={ScoreKey(stage, metric): np.zeros(1) for stage in (CLEAN, ADVERSARIAL)},
            neighbours=dict.fromkeys((CLEAN, ADVERSARIAL), np.zeros((1, 1), np.int64)),
            columns={"ids": np.array([self.name]), "labels": np.ones((1, 1), np.uint8)},
        )
        return {record.digest: found for record in self.alike}


#: By the function's name: what it makes of a hostile name, and the form that this has to be harmless in.
RENDERERS: dict[str, tuple[Callable[[Told], str], str]] = {
    "leaderboard.files.to_markdown": (lambda told: boards.to_markdown(told.board), "markdown"),
    "leaderboard.files.to_html": (lambda told: boards.to_html(told.board), "html"),
    "leaderboard.files.to_latex": (lambda told: boards.to_latex(told.board), "latex"),
    "leaderboard.files.to_csv": (lambda told: boards.to_csv(told.board), "csv"),
    "leaderboard.files.to_json": (lambda told: boards.to_json(told.board), "json"),
    "leaderboard.terminal.render": (lambda told: as_text(render(told.board)), "text"),
    "curves.files.curves_to_markdown": (lambda told: curves.curves_to_markdown(told.curves), "markdown"),
    "curves.files.curves_to_html": (lambda told: curves.curves_to_html(told.curves), "html"),
    "curves.files.curves_to_latex": (lambda told: curves.curves_to_latex(told.curves), "latex"),
    "curves.files.curves_to_csv": (lambda told: curves.curves_to_csv(told.curves), "csv"),
    "curves.files.curves_to_json": (lambda told: curves.curves_to_json(told.curves), "json"),
    "curves.terminal.render_curves": (lambda told: as_text(render_curves(told.curves)), "text"),
    "curves.plots.save_plot": (lambda told: told.drawn(lambda path: save_plot(told.curves, path)), "picture"),
    "figures.distribution.save_distribution": (
        lambda told: told.drawn(lambda path: save_distribution(told.alike, told.arrays(), path)),
        "picture",
    ),
    "figures.bits.save_bits": (
        lambda told: told.drawn(lambda path: save_bits(told.alike, told.arrays(), ITEMS, path)),
        "picture",
    ),
    "figures.cam.save_cam": (
        lambda told: told.drawn(lambda path: save_cam(told.alike, {told.alike[0].digest: PICTURES}, path)),
        "images",
    ),
    "figures.worst.save_worst": (
        lambda told: told.drawn(
            lambda path: save_worst(
                told.alike[0], told.arrays()[told.alike[0].digest], PICTURES, ITEMS, path, neighbours=1
            )
        ),
        "images",
    ),
    "rendering.markdown.sheets_to_markdown": (lambda told: sheets_to_markdown(told.sheets), "markdown"),
    "rendering.html.sheets_to_html": (lambda told: sheets_to_html(told.sheets), "html"),
    "rendering.latex.sheets_to_latex": (lambda told: sheets_to_latex(told.sheets), "latex"),
    "rendering.csv.lines_to_csv": (lambda told: lines_to_csv(["a"], [{"a": told.name}]), "csv"),
    "gate.rendering.github.to_summary": (lambda told: github.to_summary(told.verdict), "markdown"),
    "gate.rendering.github.annotations": (lambda told: "\n".join(github.annotations(told.verdict)), "commands"),
    "gate.rendering.junit.to_junit": (lambda told: junit.to_junit(told.verdict), "xml"),
    "gate.rendering.plain.to_json": (lambda told: plain.to_json(told.verdict), "json"),
    "gate.rendering.sarif.to_sarif": (lambda told: sarif.to_sarif(told.verdict), "sarif"),
    "gate.rendering.terminal.lines": (
        lambda told: "\n".join(line.text for line in terminal.lines(told.verdict)),
        "log",
    ),
    "report.pages.writing.to_html": (lambda told: to_html(told.report), "page"),
    "report.pages.writing.write_site": (lambda told: told.site[1].read_text(encoding="utf-8"), "page"),
    "report.feed.to_feed": (lambda told: told.site[-1].read_text(encoding="utf-8"), "feed"),
    "submission.rendering.lines": (lambda told: "\n".join(submission.lines(told.examination)), "log"),
    "submission.rendering.annotations": (lambda told: "\n".join(submission.annotations(told.examination)), "commands"),
    "submission.rendering.to_json": (lambda told: submission.to_json(told.examination), "json"),
    "gate.rendering.terminal.to_text": (lambda told: terminal.to_text(told.verdict), "log"),
}


_DRAWN = re.compile(r"[\x00-\x1f\x9b$<&]|.{200}")  #: what a picture could be moved by


def _found() -> Iterator[str]:
    for module in pkgutil.walk_packages(results.__path__, f"{results.__name__}."):
        for name, one in vars(importlib.import_module(module.name)).items():
            public = inspect.isfunction(one) and one.__module__ == module.name and not name.startswith("_")
            if public and _RENDERS.match(name):
                yield f"{module.name}.{name}"


def test_every_renderer_is_in_the_table() -> None:
    listed = {f"{results.__name__}.{name}" for name in RENDERERS}
    assert set(_found()) == listed | set(_RENDER_NOTHING)


def _text(output: str, _name: str) -> None:
    assert all(line.isprintable() for line in output.split("\n"))


def _log(output: str, name: str) -> None:
    _text(output, name)
    assert "##[" not in output
    assert not re.search(r"^\s*::", output, re.MULTILINE)


def _commands(output: str, name: str) -> None:
    _text(output, name)
    assert "##[" not in output
    assert all(re.match(r"::(error|warning) (file|title)=[^:]*::", line) for line in output.split("\n") if line)


def _html(output: str, name: str) -> None:
    found = Tags(output)
    assert found.tags <= {"div", "p", "strong", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert found.attributes <= {"style", "scope"}
    assert visible(name) in found.text
    _text(output, name)


@cache
def _tags() -> frozenset[str]:
    """The tags of pages of harmless records."""
    with TemporaryDirectory() as folder:
        told = Told("plain", Path(folder))
        pages = (to_html(told.report), told.site[1].read_text(encoding="utf-8"))
    return frozenset().union(*(Tags(page).tags for page in pages))


def _page(output: str, name: str) -> None:
    found = Tags(output)
    assert found.tags <= _tags(), found.tags - _tags()
    assert not [attribute for attribute in found.attributes if attribute.startswith("on")]
    assert output.count("<script") == output.count("<style") == 1
    assert visible(name) in found.text
    _text(output, name)


def _feed(output: str, name: str) -> None:
    _text(output, name)
    jsonschema.Draft202012Validator(feed_schema()).validate(json.loads(output))


def _xml(output: str, name: str) -> None:
    _text(output, name)
    root = ET.fromstring(output)  # noqa: S314 - it is ours
    tags = "testsuites testsuite properties property testcase failure skipped system-out system-err"
    assert {one.tag for one in root.iter()} <= set(tags.split())


def _markdown(output: str, name: str) -> None:
    _text(output, name)
    assert not re.findall(r"(?<!\\)[<`]", output)
    assert "](" not in output.replace("\\](", "")
    assert not re.search(r"(?<!\\)://|www\.", output)
    for line in output.splitlines():
        # What is ours at the start of a line: a heading, an item, a table, a quotation, a verdict.
        ours = re.match(r"(## |### |- |> |\||\*\*)", line)
        rest = line[ours.end() :] if ours and ours[0] in ("- ", "> ") else "" if ours else line
        assert not re.match(r"\s*(#|[-+=]|\d+[.)]|>)", rest), line[:80]
    tables = [block.splitlines() for block in output.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table}) == 1


def _csv(output: str, _name: str) -> None:
    lines = list(csv.reader(io.StringIO(output)))
    assert len({len(line) for line in lines}) == 1
    for cell in (cell for line in lines for cell in line):
        assert cell.isprintable()
        assert not cell.lstrip().startswith(("=", "+", "@"))
        assert not cell.lstrip().startswith("-") or float(cell) < 0


def _json(output: str, _name: str) -> None:
    assert output.isascii()
    json.loads(output)


def _sarif(output: str, name: str) -> None:
    _json(output, name)
    for one in json.loads(output)["runs"][0]["results"]:
        assert not re.search(r"(?<!\\)\]\(", one["message"]["text"])
        assert one["message"]["text"].isprintable()


_TEX_COMMANDS = frozenset(
    re.findall(
        r"\w+",
        "begin end centering caption label toprule midrule bottomrule addlinespace par footnotesize scriptsize textbf "
        "textit textbackslash textasciitilde textasciicircum textasciigrave textless textgreater textbar textquotedbl "
        "textquotesingle textperiodcentered pm times infty varepsilon leq geq to ldots",
    )
)


def _latex(output: str, name: str) -> None:
    """Reads it as TeX does: commands, braces, cells."""
    _text(output, name)
    body = "\n".join(line for line in output.split("\n") if not line.startswith("%"))
    tokens = re.findall(r"\\[a-zA-Z]+|\\.|.|\n", body)
    assert {token[1:] for token in tokens if re.match(r"\\[a-zA-Z]", token)} <= _TEX_COMMANDS
    assert {token for token in tokens if re.match(r"\\[^a-zA-Z]", token)} <= {rf"\{one}" for one in "&%$#_{}\\"}
    plain = re.sub(r"\\label\{[^}]*\}|\\[%#_]", "", body)
    assert not set('%#_^~"`') & set(plain)
    depth = 0
    for token in tokens:
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0
    assert depth == 0
    assert tokens.count("$") % 2 == 0
    for found in re.finditer(r"\\toprule\n(.*?)\n\\bottomrule", body, re.DOTALL):
        rows = [row for row in found[1].split("\n") if row.endswith(r" \\")]
        assert len({len(re.findall(r"(?<!\\)&", row)) for row in rows}) == 1
        assert not [row for row in rows if re.match(r"\s*[\[*]", row)]
        assert max(map(len, rows)) < 20_000
    assert set(re.findall(r"\\(?:begin|end)\{(\w+)\}", body)) <= {"table", "tabular"}


def _picture(output: str, name: str) -> None:
    assert "<image" not in output
    _images(output, name)


def _images(output: str, _name: str) -> None:
    root = ET.fromstring(output)  # noqa: S314 - it is ours
    tags = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert not tags & {"a", "script", "foreignObject"}
    links = [link for one in root.iter() for key, link in one.attrib.items() if key.endswith("href")]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert not [key for one in root.iter() for key in one.attrib if key.lower().startswith("on")]
    assert len(output) < 1_000_000


CHECKS: dict[str, Callable[[str, str], None]] = {
    "text": _text,
    "log": _log,
    "commands": _commands,
    "html": _html,
    "page": _page,
    "feed": _feed,
    "xml": _xml,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
    "sarif": _sarif,
    "latex": _latex,
    "picture": _picture,
    "images": _images,
}


@pytest.mark.filterwarnings("ignore:Glyph")  # no font of matplotlib has every character
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_renderer_is_moved_by_a_name(tmp_path: Path, name: str) -> None:
    told = Told(name, tmp_path)
    for renderer, (make, form) in RENDERERS.items():
        if form in {"picture", "images"}:
            pytest.importorskip("matplotlib", reason="matplotlib is not installed")
            if not _DRAWN.search(name):  # a picture takes longer than all else together
                continue
        try:
            CHECKS[form](make(told), name)
        except AssertionError as error:
            raise AssertionError(f"{renderer}, {form}, {name[:80]!r}: {error}") from error


def test_every_escape_is_used_here() -> None:
    escapes = {name for name, one in vars(escaping).items() if inspect.isfunction(one) and not name.startswith("_")}
    assert escapes == {
        "visible",
        "for_markdown",
        "markdown_line",
        "for_html",
        "for_latex",
        "for_csv",
        "for_log",
        "for_annotation",
        "for_sarif",
    }


@given(st.text())
def test_any_text_is_harmless_in_latex_and_markdown(text: str) -> None:
    _latex(sheets_to_latex(_sheet(text)), text)
    _markdown(sheets_to_markdown(_sheet(text)), text)
