"""Threats in L2 through the public commands and Python: run, stored, ranked apart, gated, shown, fitted for."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

import robusthash as rh
from robusthash.cli import run
from robusthash.contracts import ArrayImages, Norm, Radius, RetrievalData, Split
from robusthash.errors import CapabilityError, InputError, OptionError, UsageError
from robusthash.results import Record, ResultStore
from robusthash.testing import SmallVictim, toy_images
from tests.suites import read_suite

QUICK = ("-o", "train.epochs=3", "-o", "rnm.steps=15", "--queries", "20", "--quiet")
RADII = ("--epsilon", "0.1", "--epsilon", "l2:0.7", "--epsilon", "l2")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("l2")
    assert run(["eval", "--model", "dpsh", "--attack", "rnm", *RADII, *QUICK, "--results", str(folder)]) == 0
    return folder


def stored(results: Path) -> dict[tuple[str, str], Record]:
    records = ResultStore(results).load_all()[0]
    return {(record.attack.name, str(record.attack.radius)): record for record in records}


def test_every_radius_is_run_in_its_norm(results: Path) -> None:
    """The dataset's own in L2 is 1.5; each attack stays within it, and the larger one does more."""
    found = stored(results)
    assert set(found) == {(name, radius) for name in ("noise", "rnm") for radius in ("Linf 0.1", "L2 0.7", "L2 1.5")}
    for (_, radius), record in found.items():
        assert not any(flag.id in ("RH001", "RH005") for flag in record.outcome.flags)
        length = ResultStore(results).arrays(record).columns["l2"]
        if radius != "Linf 0.1":
            assert (length <= record.attack.epsilon).all()
            assert length.mean() > 0.8 * record.attack.epsilon  # the box clips noise
    assert found["rnm", "L2 1.5"].measure().value < found["rnm", "L2 0.7"].measure().value
    assert found["rnm", "L2 0.7"].measure().value < found["noise", "L2 0.7"].measure().value


def printed(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(arguments) == 0
    return capsys.readouterr().out


def test_norms_are_in_tables_and_curves_of_their_own(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--results", str(results)]
    board = printed(["leaderboard", *place, "--format", "markdown"], capsys)
    assert [f"· {radius} ·" in board for radius in ("Linf 0.1", "L2 0.7", "L2 1.5")] == [True] * 3
    curves = json.loads(printed(["curve", "--over", "epsilon", *place, "--format", "json"], capsys))
    (panel,) = curves["panels"]  # one radius in L-infinity is no curve
    assert panel["common"]["norm"] == "l2"
    assert [point["label"] for point in panel["series"][1]["points"]] == ["0", "0.7", "1.5"]
    (line,) = [
        line for line in printed(["curve", "--over", "epsilon", *place], capsys).splitlines() if " over " in line
    ]
    assert "over epsilon (l2)" in line
    shown = printed(["show", stored(results)["rnm", "L2 0.7"].digest[:12], *place], capsys)
    assert "L2 0.7 (0.7)" in shown


def test_a_gate_selects_by_norm(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pattern, cells in (("l2:0.7", 1), ("l2:7e-1", 1), ("l2", 2), ("0.1", 1), ("linf", 1)):
        rule = f"map[attack=rnm, epsilon={pattern}] >= 0"
        told = json.loads(printed(["gate", str(results), "--fail-under", rule, "--json"], capsys))
        assert len(told["checks"]) == cells, pattern
    for pattern, said in (("l2:0.8", "no result has epsilon=l2:0.8"), ("l3:0.8", "in no known norm")):
        assert run(["gate", str(results), "--fail-under", f"map[epsilon={pattern}] >= 0"]) in (2, 5)
        assert said in capsys.readouterr().err


def test_a_learnt_attack_is_for_its_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, place = tmp_path / "uap.safetensors", ["--results", str(tmp_path / "results")]
    model = ["--model", "dpsh", "-o", "train.epochs=3", "-o", "uap.steps=10"]
    assert "L2 1.5" in printed(["fit", "uap", *model, "--epsilon", "l2", "--quiet", "--output", str(file)], capsys)
    again = ["eval", *model, "--fitted", str(file), "--queries", "20", "--quiet", *place]
    assert run(again) == 0
    assert ("uap", "L2 1.5") in stored(tmp_path / "results")
    assert run([*again, "--epsilon", "1.0"]) == 2
    assert "was fitted for epsilon l2:1.5, and the run has 1" in capsys.readouterr().err
    assert run([*again, "--epsilon", "l2"]) == 0


def test_what_works_within_elements_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for attack in ("square", "prosgan", "mosaic"):
        assert run(["eval", "--model", "dpsh", "--attack", attack, "--epsilon", "l2:1", "--queries", "20"]) == 2
        assert f"attack '{attack}' works within linf, and not within L2 1" in capsys.readouterr().err


def test_a_dataset_without_a_length_of_its_own_is_told() -> None:
    images, labels = toy_images(24)
    classes = tuple(f"class {place}" for place in range(labels.shape[1]))
    pixels = (images * 255).round().to(torch.uint8)
    data = _data(pixels, labels, classes)
    with pytest.raises(CapabilityError, match="conventional radius in l2"):
        rh.evaluate(SmallVictim(), "rnm", dataset=data, epsilons="l2")


def _data(pixels: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...]) -> RetrievalData:
    def split(name: str) -> Split:
        ids = tuple(map(str, range(len(pixels))))
        return Split.of_images(name=name, images=ArrayImages(pixels), labels=labels, ids=ids)

    return RetrievalData(
        name="toys", classes=classes, query=split("query"), database=split("database"), train=split("train")
    )


@pytest.mark.parametrize("epsilon", ["l2:0.5", Radius(size=0.5, norm=Norm.L2)])
def test_python_takes_a_text_or_a_radius(epsilon: str | Radius) -> None:
    images, _ = toy_images(6)
    outcome = rh.attack("rnm", steps=10)(SmallVictim(), images, epsilon=epsilon)
    assert (outcome.l2 <= 0.5).all()
    assert (outcome.l2 > 0.45).all()
    assert outcome.linf.max() > 0.5 / np.sqrt(768), "some elements change more than others"


def test_python_refuses_a_norm_without_a_size() -> None:
    images, _ = toy_images(2)
    with pytest.raises(OptionError, match=r"l2:0\.5"):
        rh.attack("rnm")(SmallVictim(), images, epsilon="l2")
    with pytest.raises(UsageError, match=r"l2:0\.5"):
        rh.attack("rnm")(SmallVictim(), images, epsilon=("l2", 0.5))  # type: ignore[arg-type]  # the mistake


def test_a_suite_names_radii_of_both_norms(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text('models = ["dpsh"]\nepsilons = ["8/255", 0.1, "l2:0.5", "l2"]\n')
    found = read_suite(suite).epsilons
    assert found == (Radius(size=8 / 255), Radius(size=0.1), Radius(size=0.5, norm=Norm.L2), Norm.L2)
    suite.write_text('models = ["dpsh"]\nepsilons = ["l2:-1"]\n')
    with pytest.raises(OptionError, match=r"l2:0\.5"):
        read_suite(suite)


def test_files_of_another_norm_are_read_as_what_they_are(results: Path) -> None:
    """A record that says it is in L2 with a radius that no L-infinity ball has is read, and one in no norm is not."""
    store = ResultStore(results)
    record = stored(results)["rnm", "L2 1.5"]
    assert Record.from_json(record.to_json(), "here") == record
    assert record.attack.norm is Norm.L2
    assert store.load_all()[1] == []
    with pytest.raises(InputError):
        Record.from_json(record.to_json().replace('"l2"', '"l7"'), "here")
