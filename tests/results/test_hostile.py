"""Records of strangers, whose names are chosen to do harm where they are shown."""

import csv
import io
import json
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from robusthash.cli import run
from robusthash.errors import InputError
from robusthash.files.storage import digest
from robusthash.results import (
    Flag,
    PluginUse,
    QueryArrays,
    Record,
    ResultStore,
    build_leaderboard,
    to_csv,
    to_html,
    to_json,
    to_markdown,
)
from robusthash.results.curves.curves import build_curves
from robusthash.results.curves.files import curves_to_html
from robusthash.results.curves.panels import Over
from robusthash.results.curves.plots import save_plot
from robusthash.results.frame import columns
from robusthash.results.records.flat import identity
from robusthash.results.rendering.escaping import for_csv, for_html, for_markdown, visible
from robusthash.testing.records import make_dataset, make_model, make_record

ESCAPE = "\x1b[2J\x1b]0;owned\x07"
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"
NAMES = (
    ESCAPE,
    HTML,
    "[bold red]x[/]",
    "a|b\n| c | d |\n# e",
    "`code` **bold** _it_ ~~no~~ [link](javascript:alert(1)) ![i](http://x)",
    "\u202egnp.exe",
    '"><b x="',
    "=HYPERLINK(1)",
    "@cmd",
    "+1\t-1",
    "\\",
    "$\\frac{1}{0}$",
    "\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\",
    "\x9b2J\x9d0;owned\x9c",
    "[link=file:///etc/passwd]x[/link][@click=app.bell]y",
    "zero\u200bwidth\u2066bidi\u2069\ufeff",
    "line\r\nnext\u2028and\u2029another\x85",
    "\t=1+1",
    "\r@SUM(1)",
    "-2+3|cmd",
    "| :--- |\n|---|",
    "<!-- --> &lt;b&gt; &#60;i&#62; <svg/onload=alert(1)>",
    "x" * 20_000,
    "\\input{/etc/passwd} \\write18{id} 100 %_&#~^^5c",
    "[0.1] * -- ,, `` !` ?`",
    "# a",
    "1. a",
    "---",
    "<details><summary>",
    "https://x.example/ www.x.example",
    "::error::x\n##[add-mask]y",
    "{0} {{ x }} {% y %} ]]>",
)


def hostile_records(name: str) -> list[Record]:
    """Records that bear the name wherever a record has one."""
    use = PluginUse(name=name, owner=f"{name} 1.0", options={name: name, "steps": 5})
    common = {"dataset": make_dataset(name=name), "flags": (Flag(id=name, message=name),), "protocols": {name: name}}
    models = [make_model(name, weights=weights) for weights in "ab"]
    return [
        make_record(model=models[0], attack=use, defense=use, relevance=name, epsilon=epsilon, **common)
        for epsilon in (0.1, 0.2)
    ] + [make_record(model=models[1], attack=use, surrogate=models[0], relevance=name, epsilon=0.1, **common)]


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_reaches_a_terminal_as_anything_but_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    store = ResultStore(tmp_path)
    records = hostile_records(name)
    for record in records:
        store.save(record, QueryArrays())
    for command in (
        ["leaderboard"],
        ["curve", "--over", "epsilon"],
        *(["show", record.digest] for record in records),
    ):
        assert run([*command, "--results", str(tmp_path)]) == 0
        shown = capsys.readouterr().out
        assert all(line.isprintable() for line in shown.split("\n"))
        assert visible(name).split()[0][:12] in "".join(shown.split("\n"))


def test_a_damaged_file_reaches_no_terminal_as_anything_but_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ResultStore(tmp_path)
    store.save(make_record(attack="good"), QueryArrays())
    content = json.loads(make_record().to_json())
    (tmp_path / "bad.json").write_text(json.dumps(content | {ESCAPE: 1, "goal": ESCAPE}))
    assert run(["leaderboard", "--results", str(tmp_path)]) == 0
    warning = capsys.readouterr().err
    assert "bad.json" in warning
    assert warning.strip().isprintable()


def test_numbers_in_a_spreadsheet_stay_numbers() -> None:
    record = make_record(attack="-1", after=0.005)
    (line,) = [line for line in csv.DictReader(io.StringIO(to_csv(build_leaderboard([record])))) if line["goal"]]
    assert (line["label"], float(line["low"])) == ("'-1", 0.005 - 0.01)
    assert for_csv(-1) == -1
    assert for_csv(" =1") == "' =1"


def test_json_holds_every_name_as_it_is() -> None:
    for name in NAMES:
        content = json.loads(to_json(build_leaderboard(hostile_records(name))))
        assert content["sections"][0]["setting"]["dataset"] == name


def test_a_name_is_no_formula_and_no_hidden_line_in_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    for i, name in enumerate(("$\\frac{1}{0}$", "_hidden", ESCAPE)):
        path = tmp_path / f"{i}.svg"
        records = [make_record(model=name, attack=name, epsilon=epsilon) for epsilon in (0.1, 0.2)]
        save_plot(build_curves(records, Over.EPSILON), path)
        assert visible(name) in path.read_text().replace("&gt;", ">")


@given(st.text())
def test_escapes_hold_for_any_text(text: str) -> None:
    assert visible(text).isprintable()
    assert Tags(for_html(text)).tags == set()
    assert Tags(f"<p title='{for_html(text)}'>").attributes == {"title"}
    assert "\n" not in for_markdown(text)
    cell = for_csv(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.text(st.characters(codec="ascii", categories=["L", "N"])))
def test_a_harmless_name_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == for_html(text) == for_markdown(text) == for_csv(text) == text


EXTREMES = st.sampled_from(
    [0, -1, 1, 2**63, 10**400, 5e-324, 1e308, -1e308, "", "t-map", "x" * 5000, "\ud800", "2/0", [], {}, None, True]
)
WHOLE = json.loads(
    make_record(
        defense="saat", options={"steps": 5, "a": {"b": [1]}}, target=0.5, surrogate=make_model("hashnet")
    ).to_json()
)


def _places(content: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside = list(content.items()) if isinstance(content, dict) else []
    return [at, *(place for name, one in inside for place in _places(one, (*at, name)))]


@given(st.lists(st.tuples(st.sampled_from(_places(WHOLE)[1:]), EXTREMES), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_file_is_refused_or_can_be_shown(changes: list[tuple[tuple[str, ...], object]]) -> None:
    """Whatever it says, and even under a digest of its own: it never takes the other records' tables down."""
    content = json.loads(json.dumps(WHOLE))
    for (*above, name), value in changes:
        place = content
        for part in above:
            place = place.get(part, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place[name] = value
    with suppress(Exception):  # what has no digest is refused for another reason
        content["digest"] = digest(identity(content))
    try:
        record = Record.from_json(json.dumps(content), "strange.json")
    except InputError:
        return
    records = [record, make_record()]
    board, curves = build_leaderboard(records), build_curves(records, Over.EPSILON)
    assert str(board)
    for write in (to_html, to_markdown, to_csv, to_json):
        assert write(board).encode()
    assert curves_to_html(curves).encode()
    assert ResultStore(Path("r")).path_of(record)
    assert columns(records)


def test_rich_shows_a_board_by_itself() -> None:
    board = build_leaderboard([make_record(attack="[bold]x")])
    file = io.StringIO()
    Console(file=file, width=120).print(board)
    assert "[bold]x" in file.getvalue()
    assert "[bold]x" in str(board)
    assert board._repr_html_() == to_html(board)
