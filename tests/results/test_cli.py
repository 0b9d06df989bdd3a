"""``robusthash leaderboard`` and ``robusthash show`` on a folder of made-up records."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.results import Flag, QueryArrays, Record, ResultStore, ScoreKey, Spent
from robusthash.testing.records import make_model, make_record

ARRAYS = QueryArrays(scores={ScoreKey("clean", "map"): np.zeros(2)})
FLAGGED = make_record(
    model="hashnet",
    weights="h",
    attack="pgd",
    target=0.7,
    defense="saat",
    options={"steps": 123, "schedule": {"start": 0.5}},
    flags=(Flag(id="RH004", message="no bit of any query moved"),),
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = ResultStore(tmp_path / "results")
    for record in (make_record(attack="rnm"), make_record(attack="hag", after=0.2), FLAGGED):
        store.save(record, ARRAYS)
    return store.root


def test_the_board_goes_to_standard_output(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["leaderboard", "--results", str(results)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for part in (
        "dpsh 32 bit",
        "hashnet 32 bit + saat",
        "0.200 [0.190, 0.210]",
        "incomplete (lacks hag, rnm)",
        "RH004",
    ):
        assert part in captured.out


def test_the_tie_band_is_asked_for(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["leaderboard", "--results", str(results), "--ties"]) == 0
    assert "0.200 [0.195, 0.205]" in capsys.readouterr().out


def test_other_forms_are_clean_on_standard_output(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "notes.json").write_text("{}")
    assert run(["leaderboard", "--results", str(results), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["sections"]) == 1
    assert "notes.json" in captured.err
    assert run(["leaderboard", "--results", str(results), "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sorted(line["label"] for line in lines if line["kind"] == "attack") == ["hag", "pgd", "rnm"]
    assert run(["leaderboard", "--results", str(results), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("## digits: 200 queries")


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["--attack", "?ag"], ["hag"]),
        (["--attack", "hag", "--attack", "p*"], ["hag", "pgd"]),
        (["--model", "dpsh"], ["hag", "rnm"]),
        (["--model", "hash*", "--dataset", "digits"], ["pgd"]),
    ],
)
def test_patterns_select(
    results: Path, capsys: pytest.CaptureFixture[str], options: list[str], labels: list[str]
) -> None:
    assert run(["leaderboard", "--results", str(results), "--format", "csv", *options]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sorted(line["label"] for line in lines if line["kind"] == "attack") == labels


def test_nothing_selected_is_a_code_of_its_own(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["leaderboard", "--results", str(results), "--model", "csq"]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing selected" in captured.err


def test_a_wrong_folder_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["leaderboard", "--results", str(tmp_path / "typo")]) == 2
    assert "typo is not a folder" in capsys.readouterr().err


def test_show_prints_the_whole_recipe(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", FLAGGED.digest[:8], "--results", str(results)]) == 0
    shown = capsys.readouterr().out
    expected = [
        FLAGGED.digest,
        FLAGGED.dataset.digest,
        FLAGGED.dataset.query_digest,
        FLAGGED.victim.model.digest,
        *("defense saat", "convnet", "targeted", "Linf 8/255", "123", "start=0.5", "sample-plugin 1.0", "share-any"),
        *("map/tie-expected", "0.7000", "0.6900 to 0.7100", "0.6950 to 0.7050", "t-anchor", "psnr", "RH004"),
        *("20000 passes", "12.5 ms a query", "2.5.0", "x86_64"),
    ]
    assert [part for part in expected if part not in shown] == []


def test_show_takes_a_file_and_writes_json(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ResultStore(results).path_of(FLAGGED)
    assert run(["show", str(path), "--json"]) == 0
    assert Record.from_json(capsys.readouterr().out, "stdout") == FLAGGED


def test_show_tells_what_the_records_beside_it_contradict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By digest, the whole folder is looked at; by file, what stands beside it: the same records."""
    store = ResultStore(tmp_path / "results")
    suspect = make_record(after=0.4, flags=(Flag(id="RH005", message="clipped"),))
    crafted = make_record(after=0.3, surrogate=make_model("hashnet", weights="h"))
    for record in (suspect, crafted):
        path = store.save(record, ARRAYS)
    (path.parent / "notes.json").write_text("{}")
    expected = ("RH005 clipped", "RH013 weaker than the same attack crafted on hashnet 32 bit (0.400 against 0.300)")
    for name in (suspect.digest, str(store.path_of(suspect))):
        assert run(["show", name, "--results", str(store.root)]) == 0
        captured = capsys.readouterr()
        assert [part for part in expected if part not in captured.out] == []
        assert captured.err == ""
    assert run(["show", crafted.digest, "--results", str(store.root)]) == 0
    assert "no check failed" in capsys.readouterr().out
    # What is stored is what is written: no neighbour changes a record.
    assert run(["show", suspect.digest, "--json", "--results", str(store.root)]) == 0
    assert Record.from_json(capsys.readouterr().out, "stdout") == suspect


def test_show_names_the_surrogate_and_the_queries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ResultStore(tmp_path)
    surrogate = make_model("hashnet", bits=64, weights="h")
    for record, expected in (
        (make_record(surrogate=surrogate), ("surrogate hashnet", surrogate.digest, "transfer")),
        (
            make_record(attack="gan", options={"epochs": 3}, effort="epochs", learning=Spent(forward=7, seconds=2.0)),
            ("3 epochs", "7 forward, 0 backward, 2 s, before the first query", "white-box"),
        ),
        (
            make_record(attack="square", queries=200 * 512),
            ("asked", "102400 inputs of the victim's service, 512.0 a query"),
        ),
    ):
        store.save(record, ARRAYS)
        assert run(["show", record.digest, "--results", str(tmp_path)]) == 0
        shown = capsys.readouterr().out
        assert [part for part in expected if part not in shown] == []
    assert "white-box" not in shown


@pytest.mark.parametrize("wanted", ["ffffffff", "typo.json", "ab"])
def test_show_names_what_is_not_there(results: Path, capsys: pytest.CaptureFixture[str], wanted: str) -> None:
    assert run(["show", wanted, "--results", str(results)]) == 2
    assert wanted in capsys.readouterr().err


def test_neither_command_imports_anything_heavy(results: Path) -> None:
    program = f"""
import sys
from robusthash.cli import run
assert run(["leaderboard", "--results", {str(results)!r}]) == 0
assert run(["show", {FLAGGED.digest!r}, "--results", {str(results)!r}]) == 0
heavy = {{"torch", "numpy", "faiss"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
