"""Each command that is printed to be run next runs verbatim: with dataset, folder, size, and names that need quotes."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.cli import run
from robusthash.cli.output.following import shell_word
from tests.cli.test_import import state

ROOT = Path(__file__).parents[2]
TINY = ["-o", "train.epochs=1", "-o", "rnm.steps=1", "--quiet"]


def pictures(root: Path) -> Path:
    """A folder of two classes, bright and dark, with splits."""
    noise = np.random.default_rng(0)
    for split, count in (("query", 2), ("database", 6)):
        for name, level in (("dark", 40), ("bright", 200)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = noise.integers(level - 40, level + 40, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def told(output: str) -> list[str]:
    """The commands that an output tells to run next."""
    return re.findall(r"^next: (robusthash .*)$", output, re.MULTILINE)


def words(command: str) -> list[str]:
    """The words of a command as a shell reads them."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
    return [one.decode(errors="surrogateescape") for one in done.stdout.split(b"\0")[1:-1]]


def test_what_to_run_next_is_told_in_one_place() -> None:
    """So that the table below cannot miss one: whoever prints such a line elsewhere finds this test."""
    sources = [*(ROOT / "robusthash").rglob("*.py"), *(ROOT / "plugins").rglob("*/*.py")]
    line = re.compile(r"[\"']next: |labelled\([\"']next")
    assert {path.name for path in sources if line.search(path.read_text("utf-8"))} == {"following.py"}
    callers = {path.stem for path in (ROOT / "robusthash").rglob("*.py") if "tell_next(" in path.read_text("utf-8")}
    assert callers == {
        "following",
        "checkpoints",
        "eval",
        "fit",
        "hash",
        "import_",
        "merge",
        "splitting",
    }  # train and harden report by checkpoints


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    "command",
    [
        ["eval", "--model", "dpsh", "--attack", "rnm", "--results", "my 'results'"],
        ["train", "--model", "dpsh", "--bits", "8", "--output", "my model.safetensors"],
        ["train", "--model", "dpsh", "--bits", "8", "--output", "model"],  # an extension that is no checkpoint's
        ["harden", "saat/fast", "--model", "dpsh", "-o", "saat/fast.epochs=1", "--output", "a\tb.safetensors"],
        ["fit", "uap", "--model", "dpsh", "--bits", "8", "-o", "uap.steps=1", "--output", "my pattern.safetensors"],
    ],
    ids=" ".join,
)
def test_the_command_told_runs(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = ["--dataset", "folder", "--data-root", str(pictures(tmp_path / "my pictures")), "--image-size", "16"]
    own = ["-o", "folder.title=mine", "--device", "cpu"]
    steps = [] if command[0] != "eval" else ["-o", "rnm.steps=1"]
    given = [*command, *data, *own, "-o", "train.epochs=1", "-o", "train.batch_size=8", *steps, "--quiet"]
    assert run(given) == 0
    (following,) = told(capsys.readouterr().out)
    assert run([*words(following), *(["--json"] if command[0] == "eval" else ["--json", "--quiet"])]) == 0
    assert '"name": "mine"' in capsys.readouterr().out


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("folder", [["my pictures"], []], ids=["folder", "split"])
def test_the_search_told_after_hashing_runs(
    folder: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = ["--dataset", "folder", "--data-root", str(pictures(tmp_path / "my pictures")), "--image-size", "16"]
    own = ["-o", "folder.title=mine", "-o", "train.epochs=1", "-o", "train.batch_size=8", "--bits", "8", "--seed", "3"]
    assert run(["hash", *folder, "--model", "dpsh", *data, *own, "--output", "my codes.safetensors", "--quiet"]) == 0
    (following,) = told(capsys.readouterr().out)
    assert run([*words(following), "--json", "--quiet"]) == 0
    assert '"rank": 1' in capsys.readouterr().out


def test_the_command_told_after_an_import_can_be_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(state(), "foreign.pth")
    named = ["--layout", "prosgan", "--model", "dpsh/prosgan", "--bits", "16", "--backbone", "resnet18"]
    output = ["--image-size", "16", "--output", "my import.safetensors"]
    assert run(["import", "foreign.pth", *named, "--dataset", "digits", *output]) == 0
    (following,) = told(capsys.readouterr().out)
    assert words(following)[:3] == ["eval", "--model", "my import.safetensors"]
    assert run([*words(following), "--queries", "2", "-o", "rnm.steps=1", "--quiet", "--json"]) == 0


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    "name", ["plain", "a b", "it's", "é", "new\nline", "\t", "\udcff.bin", "$HOME;`x`", "-x", "\\'"]
)
def test_any_name_survives_the_shell(name: str) -> None:
    assert words(f"robusthash {shell_word(name)}") == [name]
