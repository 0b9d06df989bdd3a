"""What a report shows, and that nobody's record can do harm in it."""

import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import robusthash
from robusthash.cli import run
from robusthash.errors import UsageError
from robusthash.results import ResultStore, load_results
from robusthash.results.gate import GateSettings, Place, parse_rule
from robusthash.results.report import build_report, gather, site_pages, to_html, verdict_on, write_site
from robusthash.results.report.checks import CHECKS
from robusthash.results.report.command import eval_command
from robusthash.testing.records import make_record
from robusthash.testing.stored import store_made_up


class _Page(HTMLParser):
    """Tags, ids, links and text of a page."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.links, self.attributes, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value))
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src"):
                self.links.append(value)

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(results):
    return to_html(build_report(gather([results])))


def test_it_has_every_part(page, results):
    for said in (
        "Leaderboard", "Clean against robust MAP", "MAP over epsilon", "MAP over steps", "MAP over bits",
        "MAP over JPEG quality", "Distance to the aim, step by step", "Bits that turn, and how balanced they are",
        "MAP of single queries", "t-MAP of single queries", "Scores by class", "by surrogate (rows) and victim",
        "Found before the attack", "Grad-CAM clean", "difference ×", "Any useful gradient beats a random direction",
        "Recipe, versions and cost", "robusthash eval --model dpsh",
    ):  # fmt: skip
        assert said in page, said
    for record in load_results(results):
        assert f"robusthash reproduce {record.digest[:12]} --results results" in page
        assert f'id="record-{record.digest[:12]}"' in page


def test_links_and_ids_hold(page):
    found = _Page(page)
    assert len(found.ids) == len(set(found.ids))
    inside = {link[1:] for link in found.links if link.startswith("#")}
    assert inside <= set(found.ids)
    assert all(link.startswith(("#", "data:")) for link in found.links)


def test_nothing_runs_but_the_page_itself(page):
    found = _Page(page)
    assert found.tags.count("script") == found.tags.count("style") == 1
    assert not [one for one in found.attributes if one[1].startswith("on") or one[1] == "style"]
    said = next(
        value for tag, name, value in found.attributes if tag == "meta" and name == "content" and "src" in value
    )
    assert said.startswith("default-src 'none'; img-src data:")
    assert "unsafe" not in said


def test_equal_results_give_equal_bytes(page, results):
    assert to_html(build_report(gather([results]))) == page


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover=alert(1) x='",
    "\x1b]8;;http://x\x1b\\click\x1b[2J",
    "\u202egnp.exe\u200b",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "</title></style></script><svg onload=alert(1)>",
    "]]>--><!--",
    "x" * 5000,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_no_harm(name, tmp_path):
    records = [
        make_record(
            model=name, attack=name, defense=name, options={name: name, "steps": 5}, relevance="share-any",
            epsilon=epsilon, protocols={name: name}, versions={name: name},
        )
        for epsilon in (0.1, 0.2)
    ]  # fmt: skip
    store_made_up(ResultStore(tmp_path / "r"), records, queries=12, pictures=1)
    report = build_report(gather([tmp_path / "r"]), title=name)
    usual = _Page(to_html(build_report(gather([tmp_path / "r"]))))
    pages = (page.content.decode() for page in site_pages(report) if page.path.endswith(".html"))
    for text in (to_html(report), *pages):
        found = _Page(text)
        assert found.tags.count("script") == found.tags.count("style") == 1
        assert not [one for one in found.attributes if one[1].startswith("on")]
        assert set(found.tags) <= {*usual.tags}
        ours = ("#", "data:", "records/", "../index.html", "index.html", "feed.json", "../feed.json")
        assert all(link.startswith(ours) for link in found.links)
        assert not [one for one in text if not one.isprintable() and one != "\n"]
        assert "49" not in re.sub(r"\d{3,}|[0-9a-f]{12,}", "", name) or "{{ 7 * 7 }}" in text


def test_site(results, tmp_path):
    report = build_report(gather([results]))
    paths = write_site(tmp_path / "site", site_pages(report))
    assert len(paths) == 2 + len(load_results(results))
    for path in (path for path in paths if path.suffix == ".html"):
        found = _Page(path.read_text(encoding="utf-8"))
        for link in found.links:
            target, _, fragment = link.partition("#")
            if link.startswith("data:"):
                continue
            other = (path.parent / target).resolve() if target else path
            assert other.is_file(), link
            assert not fragment or fragment in _Page(other.read_text(encoding="utf-8")).ids


def test_site_forgets_records_that_are_gone(results, tmp_path):
    folder, keep = tmp_path / "site", tmp_path / "site" / "records" / "mine.html"
    write_site(folder, site_pages(build_report(gather([results]))))
    keep.write_text("mine", encoding="utf-8")
    fewer = gather([results], choose=lambda found: found.select(attacks="hag"))
    write_site(folder, site_pages(build_report(fewer)))
    assert len(list((folder / "records").glob("*.html"))) == 2
    assert keep.read_text(encoding="utf-8") == "mine"


def test_several_folders(results, tmp_path):
    other = tmp_path / "results"
    stored = store_made_up(ResultStore(other), [make_record(model="csq", weights="q", attack="rnm", after=0.1)])
    gathered = gather([results, other, results])
    assert [folder.name for folder in gathered.folders] == ["results", "results (2)", "results (3)"]
    assert len(gathered.records) == 12
    assert gathered.entries[stored[0].digest].folder.name == "results (2)"
    assert not gathered.disagreements
    assert "csq 32 bit" in to_html(build_report(gathered))


def test_folders_that_disagree(tmp_path):
    record = store_made_up(ResultStore(tmp_path / "a"), [make_record()])[0]
    text = next((tmp_path / "a").rglob("rnm-*.json"))
    forged = text.read_text(encoding="utf-8").replace('"psnr": 34.5', '"psnr": 99.5')
    path = tmp_path / "b" / text.relative_to(tmp_path / "a")
    path.parent.mkdir(parents=True)
    path.write_text(forged, encoding="utf-8")
    gathered = gather([tmp_path / "a", tmp_path / "b"])
    assert len(gathered.disagreements) == 1
    assert record.digest[:12] in gathered.disagreements[0]
    assert "Two folders disagree" in to_html(build_report(gathered))


def test_without_arrays_it_says_what_is_missing(tmp_path):
    store_made_up(ResultStore(tmp_path), [make_record()])
    for path in tmp_path.rglob("rnm-*.npz"):
        path.write_bytes(b"no")
    page = to_html(build_report(gather([tmp_path])))
    assert "everything about single queries" in page
    assert "MAP of single queries" not in page


def test_without_a_database_it_says_so(tmp_path):
    store_made_up(ResultStore(tmp_path), [make_record()])
    next(tmp_path.rglob("database-*.npz")).unlink()
    page = to_html(build_report(gather([tmp_path])))
    assert "what the queries find, and the balance of the bits" in page
    assert "MAP of single queries" in page
    assert "Found before the attack" not in page


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.ones((60, 3), np.uint8)},
        {"targets": np.ones((60, 3), np.uint8)},
        {"labels": np.ones(60, np.uint8)},
        {"adversarial": np.ones((60, 9), np.uint8)},
        {"clean/neighbours": np.full((60, 10), 10**9)},
        {"clean/neighbours": np.full((60, 10), -1)},
        {"clean": np.ones((60, 1), np.uint8), "adversarial": np.ones((60, 1), np.uint8)},
        {"clean/map": np.full(60, np.nan)},
        {"trace": np.ones((60, 3))},
        {"labels": np.full((60, 10), np.nan)},
        {"ids": np.full(60, "<b>")},
    ],
)
def test_arrays_that_do_not_fit_are_told(change, tmp_path):
    from robusthash.files.arrays import read_arrays, write_arrays

    store = ResultStore(tmp_path)
    record = store_made_up(store, [make_record()], pictures=0)[0]
    path = store.path_of(record).with_suffix(".npz")
    write_arrays(path, {**read_arrays(path), **change})
    assert record.digest[:12] in to_html(build_report(gather([tmp_path])))


def test_most_pictures(results, page):
    found = [to_html(build_report(gather([results]), pictures=most)) for most in (0, 5)]
    assert [text.count('alt="query') // 2 for text in (*found, page)] == [0, 5, 22]
    assert all("--pictures allows no more" in text for text in found)


def test_verdict(results):
    gathered = gather([results])
    rule = parse_rule("map[attack=hag] >= 0.5", where=Place(name="test"))
    verdict = verdict_on(gathered, GateSettings(rules=(rule,)))
    page = to_html(build_report(gathered, verdict=verdict))
    assert "gate failed: 1 of 1 check failed" in page
    assert "no rules were given" not in page


def test_every_check_is_explained():
    from pathlib import Path

    said = Path("docs/soundness.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"### (RH\d+)\n\n\*\*(.*?)\*\*", said))
    assert {name: text.finding for name, text in CHECKS.items()} == documented


def test_command(results, tmp_path, capsys):
    assert run(["report", str(results), "-o", str(tmp_path / "r.html"), "--title", "Ours", "--attack", "hag"]) == 0
    assert "1 records" in capsys.readouterr().out
    assert "<title>Ours</title>" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert run(["report", str(results), "--site", str(tmp_path / "site")]) == 0
    assert (tmp_path / "site" / "index.html").is_file()
    assert run(["report", str(results), "--attack", "nobody", "-o", str(tmp_path / "x.html")]) == 5
    assert run(["report", str(tmp_path / "nowhere")]) == 2
    assert run(["report", str(results), "-o", str(tmp_path)]) == 2
    assert not (tmp_path / "x.html").exists()


def test_python(results, tmp_path):
    path = robusthash.report(results, tmp_path / "r.html", title="Ours", pictures=0, rules="map[attack=hag] >= 0.1")
    assert "gate passed" in path.read_text(encoding="utf-8")
    assert robusthash.report([results], tmp_path / "site", site=True) == tmp_path / "site" / "index.html"
    with pytest.raises(UsageError, match="pictures"):
        robusthash.report(results, pictures=-1)


def test_it_needs_no_torch(results, tmp_path):
    code = (
        "import sys; from robusthash.cli import run; "
        f"code = run(['report', {str(results)!r}, '-o', {str(tmp_path / 'r.html')!r}]); "
        "sys.exit(code or ('torch' in sys.modules) * 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--model", "lsh", "--attack", "rnm", "--epsilon", "0.1", "-o", "rnm.steps=3"],
        ["--model", "lsh", "--attack", "rnm-p2s", "--epsilon", "l2:0.5", "--bits", "16", "-o", "rnm-p2s.steps=2"],
        ["--model", "lsh", "--surrogate", "itq", "--attack", "hag", "--defense", "bit-depth", "--jpeg", "75"],
    ],
)
def test_the_commands_find_their_records(options, tmp_path, capsys):
    """Evaluated with all that a record tells, a cell is the stored one: nothing is computed, nothing is added."""
    place = ["--results", str(tmp_path / "results"), "--quiet"]
    assert run(["eval", "--queries", "6", *options, *place]) == 0
    stored = {record.digest: record for record in load_results(tmp_path / "results")}
    for record in stored.values():
        assert run([*shlex.split(eval_command(record))[1:], *place]) == 0
    assert set(stored) == {record.digest for record in load_results(tmp_path / "results")}
    assert "record (new)" not in capsys.readouterr().err
