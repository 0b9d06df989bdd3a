"""``robusthash curve`` on a folder of made-up records."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robusthash.cli import run
from robusthash.results import QueryArrays, ResultStore
from robusthash.testing.records import make_record


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = ResultStore(tmp_path / "results")
    for attack in ("rnm", "hag"):
        for epsilon in (0.1, 0.2):
            steps = np.full((3, 6), 7, np.int16)
            arrays = {"trace": steps} if attack == "rnm" else {}
            record = make_record(attack=attack, options={"steps": 5}, epsilon=epsilon, after=0.5 - epsilon)
            store.save(record, QueryArrays(columns=arrays))
    return store.root


def _lines(results: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    assert run(["curve", "--results", str(results), "--format", "csv", *options]) == 0
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_the_table_goes_to_standard_output(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["curve", "--over", "epsilon", "--results", str(results)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for part in ("dpsh 32 bit", "hag", "rnm", "0.900", "0.400", "0.300", "±0.010", "MAP over epsilon"):
        assert part in captured.out, part


def test_other_forms_are_clean_on_standard_output(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "notes.json").write_text("{}")
    assert run(["curve", "--over", "epsilon", "--results", str(results), "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["panels"][0]["series"]) == 2
    assert "notes.json" in captured.err
    assert run(["curve", "--over", "epsilon", "--results", str(results), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("## digits: 200 queries")
    assert len(_lines(results, capsys, "--over", "epsilon")) == 6


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["--attack", "?ag"], {"hag"}),
        (["--attack", "hag", "--attack", "r*"], {"hag", "rnm"}),
        (["--model", "dps*", "--dataset", "digits"], {"hag", "rnm"}),
    ],
)
def test_patterns_select(
    results: Path, capsys: pytest.CaptureFixture[str], options: list[str], labels: set[str]
) -> None:
    assert {line["attack"] for line in _lines(results, capsys, "--over", "epsilon", *options)} == labels


def test_iterations_are_read_from_the_arrays(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _lines(results, capsys, "--over", "iteration")
    assert {(line["attack"], line["epsilon"]) for line in lines} == {("rnm", "0.1"), ("rnm", "0.2")}
    assert [line["value"] for line in lines] == ["7.0"] * 12


def test_lost_arrays_cost_their_own_record_alone(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ResultStore(results)
    lost = next(
        record for record in store.load_all()[0] if record.attack.name == "rnm" and record.attack.epsilon == 0.1
    )
    store.path_of(lost).with_suffix(".npz").unlink()
    assert run(["curve", "--over", "iteration", "--results", str(results), "--format", "csv"]) == 0
    captured = capsys.readouterr()
    assert {line["epsilon"] for line in csv.DictReader(io.StringIO(captured.out))} == {"0.2"}
    assert "warning: skipped: cannot read the arrays" in captured.err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--over", "epsilon", "--model", "csq"], "none of the 4 records"),
        (["--over", "bits"], "differs from another in bits alone"),
        (["--over", "effort"], "--vary"),
        (["--over", "iteration", "--attack", "hag"], "has a trace"),
    ],
)
def test_nothing_to_show_is_a_code_of_its_own(
    results: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert run(["curve", "--results", str(results), "--plot", str(results / "no.svg"), *options]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nothing selected" in captured.err
    assert says in captured.err
    assert not (results / "no.svg").exists()


def test_a_picture_is_drawn_beside_the_table(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = results.parent / "curve.svg"
    assert len(_lines(results, capsys, "--over", "epsilon", "--plot", str(path))) == 6
    assert "dpsh 32 bit, hag" in path.read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--over", "epsilon", "--plot", "curve.bmp"], ".svg, .png, .pdf"),
        (["--over", "weather"], "weather"),
        ([], "--over"),
        (["--over", "epsilon", "--results", "typo"], "typo is not a folder"),
    ],
)
def test_a_wrong_option_is_bad_input(
    results: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert run(["curve", "--results", str(results), *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err


def test_the_extra_is_named_where_it_is_missing(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robusthash.results.figures.canvas.find_spec", lambda _: None)
    assert run(["curve", "--over", "epsilon", "--results", str(results), "--plot", "curve.svg"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "pip install 'robusthash[plot]'" in captured.err


def test_nothing_heavy_is_imported(results: Path) -> None:
    """Not before it is needed: numpy for arrays alone, matplotlib for a picture alone, torch never."""
    program = f"""
import sys
from robusthash.cli import run
assert run(["curve", "--help"]) == 0
assert not {{"rich", "robusthash.results"}} & set(sys.modules)
assert run(["curve", "--over", "epsilon", "--results", {str(results)!r}]) == 0
assert not {{"torch", "numpy", "faiss", "matplotlib"}} & set(sys.modules)
assert run(["curve", "--over", "iteration", "--results", {str(results)!r}]) == 0
assert not {{"torch", "faiss", "matplotlib"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
