"""Environments and streams of every wrong sort."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robusthash.cli import run
from robusthash.results import QueryArrays, ResultStore, ScoreKey
from robusthash.testing.records import make_record

NETWORK = ["eval", "--model", "lsh", "--attack", "noise", "--queries", "4"]
CACHES = {
    "the home of nobody known": "~nosuchuser/x",
    "a file": "text",
    "below a file": "text/cache",
    "a FIFO": "fifo",
    "a loop": "loop",
    "a device": "/dev/null",
    "300 characters": "n" * 300,
    "5000 characters": "n/" * 2500,
}
ALLOWED = {
    "unknown": "nosuch",
    "markup": "[/red]",
    "an escape": "\x1b[31m",
    "one known and one not": "robusthash-attacks,nosuch",
    "a path": "../robusthash",
    "not UTF-8": "\udcff",
}
ROWS = {f"ROBUSTHASH_CACHE {name}": (NETWORK, "ROBUSTHASH_CACHE", value) for name, value in CACHES.items()} | {
    f"ROBUSTHASH_PLUGINS {name}": (command, "ROBUSTHASH_PLUGINS", value)
    for name, value in ALLOWED.items()
    for command in (NETWORK, ["plugins", "list"], ["data", "list"])
}
#: What a terminal may claim, and whatever it does, the table is shown.
TERMINALS = {
    "twenty columns": {"COLUMNS": "20"},
    "one column": {"COLUMNS": "1"},
    "no columns": {"COLUMNS": "0"},
    "negative columns": {"COLUMNS": "-5"},
    "columns in words": {"COLUMNS": "wide"},
    "columns without end": {"COLUMNS": "9" * 30},
    "a dumb terminal": {"TERM": "dumb"},
    "a terminal of none": {"TERM": ""},
    "no locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a locale of none": {"LC_ALL": "xx_YY.nosuch"},
    "another encoding": {"PYTHONIOENCODING": "latin-1"},
    "colours": {"FORCE_COLOR": "1"},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = ResultStore(tmp_path_factory.mktemp("stored") / "r[/red] \N{SNOWMAN}")
    for name in ("rnm", "\N{SNOWMAN}[/red]"):
        store.save(make_record(attack=name), QueryArrays(scores={ScoreKey("clean", "map"): np.zeros(2)}))
    return store.root


@pytest.mark.parametrize(("arguments", "variable", "value"), ROWS.values(), ids=ROWS)
def test_a_wrong_environment_is_refused(
    refused: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    refused(arguments)


def _command(*arguments: str, shell: str = '"$@"', **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **variables}
    line = ["sh", "-c", shell, "sh", sys.executable, "-m", "robusthash", *arguments]
    return subprocess.run(line, check=False, capture_output=True, env=environment)


@pytest.mark.parametrize("variables", TERMINALS.values(), ids=TERMINALS)
def test_a_table_is_shown_on_any_terminal(results: Path, variables: dict[str, str]) -> None:
    done = _command("leaderboard", "--results", str(results), **variables)
    assert done.returncode == 0, done.stderr
    assert b"rnm" in b"".join(done.stdout.split())
    assert not done.stderr


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ('"$@" >&-', 0),
        ('"$@" <&-', 0),
        ('"$@" 2>&-', 0),
        ('"$@" <&- >&- 2>&-', 0),
        ('"$@" > /dev/full', 1),
        ('"$@" | head -c 1; exit 0', 0),
    ],
)
def test_streams_may_be_closed(results: Path, shell: str, code: int) -> None:
    done = _command("leaderboard", "--results", str(results), shell=shell)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert done.stderr.count(b"error: ") == code


@pytest.mark.parametrize(
    ("arguments", "shell", "code"),
    [
        (["--help"], '"$@" > /dev/full', 1),
        (["--version"], '"$@" > /dev/full', 1),
        (["eval", "--help"], '"$@" > /dev/full', 1),
        (["--help"], '"$@" | exit 0', 0),
        (["nosuch"], '"$@" 2> /dev/full', 2),
        (["nosuch"], '"$@" 2>&-', 2),
    ],
)
def test_help_and_errors_keep_their_exit_code_whatever_their_stream_is(
    arguments: list[str], shell: str, code: int
) -> None:
    done = _command(*arguments, shell=shell)
    assert done.returncode == code, done.stderr
    assert b"internal error" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_what_an_encoding_lacks_is_written_alike_and_tables_stay_aligned(results: Path) -> None:
    done = _command("leaderboard", "--results", str(results), PYTHONIOENCODING="ascii")
    title, _, head, rule, *_ = done.stdout.decode("ascii").splitlines()
    assert " - seed 0" in title
    assert rule.startswith("-" * len(head))
    assert b"\\u2603" in done.stdout  # a snowman looks like nothing else


def test_files_whose_names_are_not_utf_8_are_used_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cache.is_dir()
    monkeypatch.chdir(tmp_path)
    folder = Path("f\udcff")
    folder.mkdir()
    layers = "nn.Flatten(), nn.LazyLinear(bits)"
    (folder / "own.py").write_text(f"from torch import nn\ndef build(bits): return nn.Sequential({layers})\n")
    Image.new("RGB", (20, 16)).save(folder / "p\udcfe.png", "PNG")
    weights = str(folder / "w.safetensors")
    assert run(["train", "--model", "dpsh", "-o", "train.epochs=1", "--output", weights, "--quiet"]) == 0
    few = ["--attack", "noise", "--queries", "2", "--quiet", "--results", str(folder)]
    assert run(["eval", "--model", weights, *few]) == 0
    assert run(["eval", "--model", str(folder / "own.py:build"), *few]) == 0
    data = ["--dataset", "digits", "--image-size", "16"]
    attack = ["attack", "--model", "dpsh", *data, "--attack", "noise", "-o", "train.epochs=1", "--input", str(folder)]
    assert run([*attack, "--output", str(folder / "out"), "--quiet"]) == 0
    capsys.readouterr()
    assert run(["leaderboard", "--results", str(folder)]) == 0
    shown = capsys.readouterr()
    assert "own 32 bit" in shown.out
    assert "digits/own" not in shown.err  # the record is read again


def test_a_folder_with_markup_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cache.is_dir()
    monkeypatch.chdir(tmp_path)
    for folder in ("r[/red]", "[link=x]y[/link]", "\x1b[31m", "a\nb", "\udcff"):
        assert run([*NETWORK, "--results", folder, "--quiet"]) == 0
        told = capsys.readouterr().out
        assert "\x1b" not in told
        assert run(["leaderboard", "--results", folder]) == 0
        if folder.isprintable():
            assert f"{folder}/digits/lsh-32bit" in told
            assert f"--results '{folder}'" in told
        else:
            assert "/digits/lsh-32bit" in told


JSON = {
    "eval": ["eval", "--model", "nosuch"],
    "train": ["train", "--model", "nosuch"],
    "harden": ["harden", "nosuch", "--model", "dpsh"],
    "attack": ["attack", "--model", "nosuch", "--attack", "noise", "--output", "out"],
    "import": ["import", "no.pt", "--layout", "nosuch"],
    "show": ["show", "nosuch"],
    "compare": ["compare", "nosuch", "nosuch"],
    "rescore": ["rescore", "--results", "nosuch"],
    "plugins show": ["plugins", "show", "nosuch"],
    "plugins list": ["plugins", "list", "--kind", "nosuch"],
    "data verify": ["data", "verify", "nosuch"],
    "data list": ["data", "list", "--nosuch"],
    "no command": ["nosuch"],
}


@pytest.mark.parametrize("arguments", JSON.values(), ids=JSON)
def test_an_error_is_json_where_json_is_asked_for(
    wrong_files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(wrong_files)
    code = run([*arguments, "--json"])
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert set(told) == {"error", "hint", "exit_code"}
    assert told["exit_code"] == code == 2
    assert captured.err.count("error: ") == 1
