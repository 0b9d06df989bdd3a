"""A victim with two towers, attacked in all four directions through the public command."""

from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.results import ADVERSARIAL, CLEAN, Against, ResultStore
from robusthash.specs import Direction

PLUGIN = """
from robusthash import hookimpl
from robusthash.specs import DatasetSpec, ModelSpec

@hookimpl
def robusthash_models():
    yield ModelSpec(name="towers", factory="robusthash.testing.crossmodal:ToyTowers", summary="Two toy towers")

@hookimpl
def robusthash_datasets():
    yield DatasetSpec(name="toy-pairs", factory="robusthash.testing.crossmodal:ToyPairs", summary="Toy pairs")
"""
ALL = [part for direction in Direction for part in ("--direction", str(direction))]


@pytest.fixture
def towers(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # type: ignore[no-untyped-def]  # conftest's
    site.install("towers-plugin", PLUGIN)
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    return ["eval", "--model", "towers", "--dataset", "toy-pairs", "--quiet", "--results", str(tmp_path / "results")]


def test_all_four_directions_are_attacked(towers: list[str], tmp_path: Path) -> None:
    attacks = [
        "--attack",
        "hinge",
        "--attack",
        "rnm-p2s",
        "--attack",
        "mainstay",
        "-o",
        "hinge.steps=20",
        "--epsilon",
        "0.5",
    ]
    assert run([*towers, *attacks, *ALL]) == 0
    records = ResultStore(tmp_path / "results").load_all()[0]
    assert len(records) == 4 * 4  # the reference beside three attacks
    for direction in Direction:
        found = {one.attack.name: one for one in records if one.victim.direction == direction}
        assert set(found) == {"noise", "hinge", "rnm-p2s", "mainstay"}
        clean = found["hinge"].measure(CLEAN).value
        assert clean > 0.9, direction  # the two towers agree
        assert found["hinge"].measure().value < 0.5 * clean
        assert found["mainstay"].measure().value < 0.5 * clean
        pulled = found["rnm-p2s"]
        assert pulled.measure(against=Against.TARGET).value > pulled.measure(CLEAN, against=Against.TARGET).value
        measured = set(pulled.outcome.imagery)
        assert ("psnr" in measured) == (direction.query == "image")
        assert {"linf", "l2", "clipped", "hamming"} <= measured


def test_directions_search_different_codes_and_stand_in_different_sections(
    towers: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*towers, "--attack", "hinge", "-o", "hinge.steps=5", *ALL]) == 0
    capsys.readouterr()
    assert run(["leaderboard", "--results", str(tmp_path / "results")]) == 0
    shown = capsys.readouterr().out
    assert all(str(direction) in shown for direction in Direction if direction is not Direction.I2I)
    store = ResultStore(tmp_path / "results")
    records = [one for one in store.load_all()[0] if one.attack.name == "hinge"]
    codes = {one.victim.direction: store.arrays(one).codes_at(ADVERSARIAL) for one in records}
    assert (codes["i2t"] == codes["i2i"]).mean() > 0.9  # the same tower is attacked, to flee the same code
    assert (codes["t2i"] != codes["i2i"]).any()


def test_what_a_text_is_not_is_told(towers: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*towers, "--attack", "square", "--direction", "t2i"]) == 2
    assert "perturbs images, and the queries are texts" in capsys.readouterr().err
    assert run([*towers, "--attack", "hinge", "--direction", "t2t", "--jpeg", "75"]) == 2
    assert "a text has no JPEG" in capsys.readouterr().err


def test_a_dataset_of_images_has_no_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["eval", "--model", "lsh", "--attack", "hinge", "--direction", "i2t", "--queries", "4", "--quiet"]
    assert run([*command, "--results", str(tmp_path)]) == 2
    assert "dataset digits has images, and not what direction i2t needs" in capsys.readouterr().err


def test_pictures_are_kept_of_images_alone(towers: list[str], tmp_path: Path) -> None:
    assert run([*towers, *ALL, "--attack", "noise", "--keep-pictures", "2"]) == 0
    store = ResultStore(tmp_path / "results")
    kept = {record.victim.direction: store.pictures(record) for record in store.load_all()[0]}
    assert {direction for direction, pictures in kept.items() if pictures} == {Direction.I2I, Direction.I2T}
    assert all(pictures is None or len(pictures) == 2 for pictures in kept.values())
    assert {way: len(pictures.items) > 0 for way, pictures in kept.items() if pictures} == {
        Direction.I2I: True,
        Direction.I2T: False,  # texts have no thumbnails
    }
