"""Codes of a folder and of a dataset, in files: they are those of the model, whatever breaks."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robusthash.cli import run
from robusthash.contracts import FileImages, Modality
from robusthash.errors import InputError, OptionError
from robusthash.evaluation.finding import hashing
from robusthash.evaluation.finding.files import read_hashed
from robusthash.evaluation.finding.hashed import Hashed, Maker, Source
from robusthash.files.header import read_metadata
from robusthash.files.snapshots import Snapshots
from robusthash.files.tensors import load_tensors, save_tensors
from robusthash.hashing import pack
from robusthash.specs import Distance
from robusthash.training.networks.user_model import user_model

MODEL = ["--model", "model.py:build", "--bits", "12", "--image-size", "16", "--quiet"]


def hash_to(output: str, *more: str) -> int:
    return run(["hash", *more, *MODEL, "--output", output])


def test_the_codes_of_a_folder_are_those_of_the_model(photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hash_to("codes.safetensors", "photographs") == 0
    told = capsys.readouterr()
    assert "29 items" in told.out
    assert "skipped" in told.err
    assert "03.png" in told.err
    found = Hashed.read("codes.safetensors")
    names = sorted(str(path.relative_to(photographs)) for path in photographs.rglob("*.png"))
    names.remove("class 0/03.png")
    assert found.names == tuple(names)
    assert [name for name, _ in found.skipped] == ["class 0/03.png"]
    model = user_model("model.py:build", bits=12, modalities={"image": Modality.image(16)})
    wanted = model.codes(FileImages(photographs, names, size=16).inputs(range(29)))  # type: ignore[operator]  # one model
    assert torch.equal(found.codes, wanted)
    assert not list(Path().glob("*.partial"))


def test_nothing_is_written_if_no_picture_can_be_read(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "broken").mkdir()
    for name in ("a.png", "b.jpg"):
        (place / "broken" / name).write_bytes(b"no picture")
    assert hash_to("codes.safetensors", "broken") == 2
    assert "none of the 2 pictures can be read" in capsys.readouterr().err
    assert not (place / "codes.safetensors").exists()


def test_a_killed_run_resumes_and_writes_the_same(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CHUNK", 4)
    monkeypatch.setattr(Snapshots, "due", property(lambda self: self.path is not None))
    assert hash_to("whole.safetensors", "photographs") == 0
    seen: list[int] = []
    represent = hashing.represent

    def until(most: int) -> Callable[..., torch.Tensor]:
        def counted(model: object, view: object, rows: range, resources: object) -> torch.Tensor:
            if len(seen) == most:
                raise KeyboardInterrupt
            seen.append(rows.start)
            return represent(model, view, rows, resources)  # type: ignore[arg-type]  # as they came

        return counted

    monkeypatch.setattr(hashing, "represent", until(3))
    assert hash_to("codes.safetensors", "photographs") == 130
    assert Path("codes.safetensors.partial").exists()
    assert not Path("codes.safetensors").exists()
    monkeypatch.setattr(hashing, "represent", until(99))
    assert hash_to("codes.safetensors", "photographs") == 0
    assert seen == list(range(0, 30, 4))  # nothing twice, the broken picture among what was done before
    assert Path("codes.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()
    assert not Path("codes.safetensors.partial").exists()


def test_what_was_done_of_other_pictures_is_not_resumed(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CHUNK", 4)
    monkeypatch.setattr(Snapshots, "due", property(lambda self: self.path is not None))
    represent, calls = hashing.represent, []

    def interrupted(model: object, view: object, rows: range, resources: object) -> torch.Tensor:
        calls.append(rows.start)
        if rows.start == 8 and calls.count(8) == 1:
            raise KeyboardInterrupt
        return represent(model, view, rows, resources)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(hashing, "represent", interrupted)
    assert hash_to("codes.safetensors", "photographs") == 130
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(photographs / "class 0" / "00.png")
    assert hash_to("codes.safetensors", "photographs") == 0
    assert calls.count(0) == 2  # from the start again
    assert hash_to("again.safetensors", "photographs") == 0
    assert Path("codes.safetensors").read_bytes() == Path("again.safetensors").read_bytes()


@pytest.mark.usefixtures("place")
def test_a_split_is_hashed_with_its_labels_and_ids() -> None:
    assert hash_to("query.safetensors", "--dataset", "digits", "--split", "query") == 0
    found = Hashed.read("query.safetensors")
    assert len(found) == 300
    assert str(found.source) == "digits, query split"
    assert found.labels is not None
    assert found.labels.sum(0).tolist() == [30] * 10
    assert len(found.labels_of(0)) == 1
    assert found.made.resize is None


@pytest.mark.usefixtures("photographs")
def test_codes_are_written_for_other_programs() -> None:
    for suffix in ("safetensors", "csv", "jsonl"):
        assert hash_to(f"codes.{suffix}", "photographs") == 0
    wanted = Hashed.read("codes.safetensors")
    codes = {name: bytes(row.numpy()).hex() for name, row in zip(wanted.names, wanted.representation, strict=True)}
    lines = [json.loads(line) for line in Path("codes.jsonl").read_text().splitlines()]
    assert {line["name"]: line["code"] for line in lines} == codes
    with Path("codes.csv").open(newline="") as file:
        assert {row["name"]: row["code"] for row in csv.DictReader(file)} == codes


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["photographs"], "photographs is not a folder"),
        (["--split", "test", "--dataset", "digits"], "no split 'test'"),
        (["--modality", "text", "--dataset", "digits"], "no direction with texts as items"),
        (["there", "--split", "query"], "--split query and the folder"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_cannot_be_hashed_is_told(arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert hash_to("codes.safetensors", *arguments) == 2
    assert what in capsys.readouterr().err


def hashed(**changed: object) -> Hashed:
    made = Maker(
        model="m",
        digest="d",
        defense=None,
        distance=Distance.HAMMING,
        size=12,
        modality="image",
        shape=(3, 16, 16),
        resize=18,
    )
    codes = pack(torch.ones(2, 12, dtype=torch.int8))
    values = {"made": made, "representation": codes, "names": ("=a", "\udcff"), "source": Source(folder="/x")}
    return Hashed(**(values | changed))  # type: ignore[arg-type]  # a table of fields


def test_names_of_any_bytes_are_stored_and_no_spreadsheet_runs_them(tmp_path: Path) -> None:
    hashed().write(tmp_path / "a.safetensors")
    assert read_hashed(tmp_path / "a.safetensors").names == ("=a", "\\xff")
    hashed().write(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("'=a,")
    with pytest.raises(OptionError, match=r"\.txt"):
        hashed().write(tmp_path / "a.txt")


Damage = Callable[[dict[str, torch.Tensor], dict[str, str]], None]


def _set(name: str, tensor: torch.Tensor) -> Damage:
    return lambda tensors, _metadata: tensors.update({name: tensor})


def _say(old: str, new: str) -> Damage:
    return lambda _tensors, metadata: metadata.update(
        {"robusthash-hashed": metadata["robusthash-hashed"].replace(old, new)}
    )


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_set("items", torch.full((2, 2), 255, dtype=torch.uint8)), "set bits after bit 12"),
        (_set("items", torch.zeros(3, 2, dtype=torch.uint8)), "3 items and 2 names"),
        (_set("names", torch.zeros(4, dtype=torch.uint8)), "damaged"),
        (_set("names", torch.zeros(4)), "damaged"),
        (_set("labels", torch.zeros(2, 5, dtype=torch.uint8)), "labels"),
        (_say('"size": 12', '"size": 0'), "size 0"),
        (_say('"size": 12', '"size": "x"'), "size"),
        (_say("[3, 16, 16]", "[3, 1000000000, 1000000000]"), "images are"),
        (_say("[3, 16, 16]", "[]"), "images are"),
        (_say('"format": 1', '"format": 2'), "format"),
        (lambda tensors, _metadata: tensors.__delitem__("names"), "no names"),
        (lambda _tensors, metadata: metadata.clear(), "does not hold hashed items"),
    ],
)
def test_a_strangers_file_is_refused_in_one_line(damage: Damage, what: str, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    hashed().write(file)
    tensors, metadata = load_tensors(file), read_metadata(file)
    damage(tensors, metadata)
    save_tensors(file, tensors, metadata=metadata)
    with pytest.raises(InputError, match=what):
        read_hashed(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and more", b"x" * 100])
def test_what_is_no_safetensors_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(InputError):
        read_hashed(tmp_path / "a.safetensors")
