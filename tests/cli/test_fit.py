"""``robusthash fit`` and ``--fitted``: a file is written, and used by one line."""

import json
import shlex
from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.results import load_results

pytestmark = pytest.mark.usefixtures("cache")

NETWORK = """import torch


def build(bits):
    torch.manual_seed({seed})
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, bits))
"""
FAST = ("-o", "uap.steps=12", "-o", "uap.batch=16")


@pytest.fixture(scope="module")
def folder(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models, and an attack that was fitted on one of them."""
    folder = tmp_path_factory.mktemp("fit")
    for name, seed in (("one", 1), ("two", 2)):
        (folder / f"{name}.py").write_text(NETWORK.format(seed=seed))
    arguments = ["--bits", "16", "--epsilon", "0.1", *FAST, "--output", str(folder / "uap.safetensors"), "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["fit", "uap", "--model", "one.py:build", *arguments]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_the_next_line_evaluates_the_same_model_white_box(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    again = ["--bits", "16", "--epsilon", "0.1", *FAST, "--output", str(tmp_path / "uap.safetensors"), "--quiet"]
    assert run(["fit", "uap", "--model", "one.py:build", *again]) == 0
    out = capfd.readouterr().out
    assert "found in the cache" in out
    assert "16 bit, Linf 0.1, digest " in out
    assert "learning: " in out
    following = shlex.split(next(line for line in out.splitlines() if line.startswith("next: ")))[2:]
    assert "--fitted" in following
    assert run([*following, "--queries", "6", "--results", str(tmp_path / "results"), "--quiet"]) == 0
    (record,) = load_results(tmp_path / "results").select(attacks="uap")
    assert record.access == "white-box"
    assert record.attack.fitted is not None
    out = capfd.readouterr().out
    assert run(["show", record.digest[:12], "--results", str(tmp_path / "results")]) == 0
    shown = capfd.readouterr().out
    assert record.attack.fitted.digest in shown
    assert "this dataset, Linf 0.1, seed 0, by robusthash-attacks" in shown
    assert "before the first query" in shown


def test_json_tells_all_of_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ["--bits", "16", "--epsilon", "0.1", *FAST, "--quiet", "--json"]
    assert run(["fit", "uap", "--model", "one.py:build", *again]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cached"]
    assert told["attack"]["name"] == "uap"
    assert told["spent"]["backward"] > 0
    assert Path(told["path"]).is_file()


def test_one_line_attacks_another_model_and_tells_of_the_transfer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ["--queries", "6", "--results", str(tmp_path), "--quiet"]
    assert run(["eval", "--model", "two.py:build", "--bits", "16", "--fitted", "uap.safetensors", *results]) == 0
    assert "uap from one 16 bit" in capsys.readouterr().out
    assert run(["leaderboard", "--results", str(tmp_path), "--format", "csv"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    (row,) = (dict(zip(head.split(","), row.split(","), strict=True)) for row in rows if "uap" in row)
    assert int(row["learning_backward"]) > 0
    assert float(row["learning_seconds"]) > 0


def test_a_suite_names_files_beside_it(folder: Path, tmp_path: Path) -> None:
    suite = folder / "suite.toml"
    suite.write_text(
        'models = ["two.py:build"]\nbits = [16]\nattacks = ["uap"]\nfitted = ["uap.safetensors"]\nqueries = 6\n'
    )
    assert run(["eval", "--suite", str(suite), "--results", str(tmp_path), "--quiet"]) == 0
    (record,) = load_results(tmp_path).select(attacks="uap")
    assert record.access == "transfer"


def test_attacked_images_are_written_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--bits", "16", "--fitted", "uap.safetensors", "--queries", "4", "--output", str(tmp_path), "--quiet"]
    assert run(["attack", "--model", "two.py:build", *arguments]) == 0
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["surrogate"]["name"] == "one"
    assert manifest["epsilon"] == 0.1
    assert len(manifest["images"]) == 4
    assert max(image["linf"] for image in manifest["images"]) == 25


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fit", "rnm", "--model", "one.py:build"], "learns nothing"),
        (["fit", "uapp", "--model", "one.py:build"], "unknown attack 'uapp'"),
        (["fit", "uap", "--model", "one.py:build", "--output", "."], "is not a file"),
        (["fit", "uap", "--model", "one.py:build", "--epsilon", "3"], "epsilon"),
        (["fit", "uap", "--model", "one.py:build", "--direction", "up"], "unknown direction 'up'"),
        (["fit", "uap", "--model", "one.py:build", "-o", "rnm.steps=3"], "option owner 'rnm'"),
        (["attack", "--model", "one.py:build", "--output", "out"], "no attack is named"),
        (
            ["attack", "--model", "one.py:build", "--output", "out", "--attack", "rnm", "--fitted", "uap.safetensors"],
            "is of attack 'uap', not of 'rnm'",
        ),
        (
            ["eval", "--model", "one.py:build", "--fitted", "uap.safetensors", "--epsilon", "8/255"],
            "was fitted for epsilon 0.1, and the run has 8/255",
        ),
        (["eval", "--model", "one.py:build", "--fitted", "uap.safetensors"], "fitted for bits 16"),
    ],
)
def test_what_is_wrong_is_one_error(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "--quiet"]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "hint: " in err
