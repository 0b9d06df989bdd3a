"""The data command: what is listed, what a verification says, and how it ends."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robusthash.cli import run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of five pictures."""
    root = tmp_path / "pictures"
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for seed in range(5):
            pixels = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{seed}.png")
    return root


def test_datasets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list", "--json"]) == 0
    names = {entry["name"]: entry["distribution"] for entry in json.loads(capsys.readouterr().out)}
    known = {"digits", "cifar10", "cifar10-1", "cifar10-2", "folder", "lists", "flickr25k", "nuswide21", "mscoco"}
    assert known <= set(names)
    assert names["digits"] == "robusthash-datasets"
    assert run(["data", "list"]) == 0
    assert "1,797 handwritten digits" in capsys.readouterr().out


def test_sound_data_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "verify", "digits", "--quiet"]) == 0
    *table, _, last = capsys.readouterr().out.splitlines()
    assert [line.split()[:5] for line in table[1:]] == [
        ["query", "300", "0", "0", "0"],
        ["database", "1497", "0", "-", "0"],
        ["train", "1000", "0", "1000", "0"],
    ]
    assert last == "digits: no problems found"


def test_an_error_in_the_data_ends_with_2(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = pictures / "dog" / "3.png"
    broken.write_bytes(b"no picture")
    arguments = ["data", "verify", "folder", "--data-root", str(pictures), "-o", "folder.size=16", "--quiet"]
    assert run(arguments) == 2
    assert f"\nerror: {broken}: cannot read image" in capsys.readouterr().out
    assert run([*arguments, "--json"]) == 2
    content = json.loads(capsys.readouterr().out)
    assert (content["dataset"], content["errors"]) == ("folder", 1)
    assert sum(split["unreadable"] for split in content["counts"]["splits"].values()) >= 1
    assert content["findings"][0]["level"] == "error"
    assert content["findings"][0]["where"] == str(broken)


def test_warnings_alone_end_with_0(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "labels.csv").write_text("path,labels\n" + "".join(f"cat/{i}.png,{'x' * (i % 2)}\n" for i in range(5)))
    assert run(["data", "verify", "folder", "--data-root", str(pictures), "--json", "--quiet"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["errors"] == 0
    assert content["warnings"] >= 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "digts"], "did you mean 'digits'"),
        (["verify", "folder", "--data-root", "/no/such/folder"], "no folder /no/such/folder"),
        (["verify", "folder"], "give --data-root"),
        (["verify", "folder", "-o", "folder.sise=3"], "did you mean 'size'"),
        (["verify", "folder", "-o", "digits.size=3"], "write -o folder.field=value"),
        (["prepare", "digits"], "needs no preparation"),
        (["prepare", "flickr25k"], "press.liacs.nl"),
        (["prepare", "cifar10", "--source", "/no/such/file"], "/no/such/file"),
    ],
)
def test_bad_input_is_one_message_and_ends_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert message in told.err
    assert "Traceback" not in told.err


def test_how_data_is_read_is_told_once(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = pictures.parent / "splits"
    for name in ("cat", "dog"):  # the data is loaded twice, to verify it and to count what is in it
        for split, seeds in (("train", range(3)), ("val", range(3, 5))):
            (splits / split / name).mkdir(parents=True)
            for seed in seeds:
                (pictures / name / f"{seed}.png").rename(splits / split / name / f"{seed}.png")
    assert run(["data", "verify", "folder", "--data-root", str(splits), "-o", "folder.size=16", "--quiet"]) == 0
    told = capsys.readouterr().err
    assert told == f"note: {splits}: train is the database and the train split; val is the queries\n"


def test_a_layout_that_is_none_is_answered_with_a_drawing(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "dog").rename(pictures / "cat" / "dog\x1b[31m\n::error::")
    arguments = ["data", "verify", "folder", "--data-root", str(pictures)]
    assert run(arguments) == 2
    found, *drawn, error, hint = capsys.readouterr().err.splitlines()
    assert "lie in one folder, cat/" in error
    assert hint.startswith("hint: ")
    assert found == f"found in {pictures}:"
    assert drawn[0].split() == ["cat/", "5", "pictures,", "5", "in", "folders"]
    assert drawn[1].startswith("    dog\\x1b[31m\\n::error::/"), "a name is part of its line, whatever is in it"
    assert "      cat/1.jpg             query/cat/1.jpg         train/cat/1.jpg" in drawn
    assert run([*arguments, "--json"]) == 2
    assert "cat/" in json.loads(capsys.readouterr().out)["error"]
