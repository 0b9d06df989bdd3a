"""``eval --shard`` and ``merge`` on the command line: what is printed, what goes on, and with which exit code."""

import json
import re
from pathlib import Path

import pytest

import robusthash as rh
from robusthash.cli import run

TINY = ["-o", "rnm.steps=1", "--queries", "6", "--shard-size", "2", "--quiet"]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    Path("linear.py").write_text(
        "import torch\n\n"
        "def build(bits):\n    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, bits))\n"
    )
    command = ["eval", "--model", "linear.py:build", "--attack", "rnm", *TINY]
    monkeypatch.setattr("sys.argv", ["robusthash", *command, "--shard", "1/2", "--results", "r 1"])
    return command


def test_parts_are_merged_and_what_is_missing_is_a_command(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*asked, "--shard", "1/2", "--results", "r 1"]) == 0
    output = capsys.readouterr().out
    assert "shard 1/2 is evaluated; 2 cells wait for shards of others in r 1" in output
    assert "next: robusthash merge 'r 1' --results 'r 1'" in output
    assert run(["merge", "r 1", "--quiet"]) == 2
    errors = capsys.readouterr().err
    assert re.findall(r"^missing: (\w+) on linear\.py:build 32 bit: shards? ", errors, re.MULTILINE) == ["noise", "rnm"]
    assert f"run: robusthash {' '.join(asked)} --shard 2/2 --results 'r 1'" in errors
    assert run([*asked, "--shard", "2/2", "--results", "r 1"]) == 0
    assert "wait for" not in capsys.readouterr().out
    assert run(["merge", "r 1", "--quiet", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--shard", "0/2"], "counted from 1"),
        (["--shard", "half"], "not of the form i/n"),
        (["--shard", "1/2", "--force"], "force evaluates whole cells"),
        (["--shard", "1/2", "--keep-pictures", "2"], "keep-pictures keeps pictures of whole cells"),
        (["--shard", "1/2", "--fail-under", "map >= 0.1"], "--fail-under judges whole runs"),
    ],
)
def test_what_does_not_go_together_is_told(
    options: list[str], told: str, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*asked, *options]) == 2
    assert told in capsys.readouterr().err


def test_a_part_in_a_configuration_file(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("suite.toml").write_text('shard = "1/2"\n')
    assert run([*asked, "--config", "suite.toml"]) == 0
    assert "shard 1/2 is evaluated" in capsys.readouterr().out


def test_the_same_in_python(asked: list[str]) -> None:
    settings = {"queries": 6, "shard_size": 2, "options": {"rnm": {"steps": 1}}, "device": "cpu"}
    for part in ("1/2", "2/2"):
        assert len(rh.evaluate("linear.py:build", "rnm", shard=part, results=f"r{part[0]}", **settings)) == 0
    whole = rh.evaluate("linear.py:build", "rnm", **settings)
    assert [len(one.parts) for one in rh.merge("r1", results="other").missing] == [1, 1]
    merged = rh.merge("r1", "r2", results="merged")
    assert repr(merged) == "<Merging: 2 records>"
    assert {record.digest: record.reproducible() for record in merged} == {
        record.digest: record.reproducible() for record in whole
    }
    for wrong in ({"force": True}, {"keep_pictures": 2}):
        with pytest.raises(rh.errors.OptionError, match="whole cells"):
            rh.evaluate("linear.py:build", "rnm", shard="1/2", results="r1", **settings, **wrong)
    with pytest.raises(rh.errors.OptionError, match="without results"):
        rh.evaluate("linear.py:build", "rnm", shard="1/2", **settings)
