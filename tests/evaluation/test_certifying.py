"""Certificates of whole models: what is voted on, what is compared, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robusthash.cli.entry import run
from robusthash.contracts import ArrayImages, SmoothedModel, silent
from robusthash.epsilon import Radius
from robusthash.errors import OptionError, UsageError
from robusthash.evaluation import Request, RunSettings, certify, evaluate
from robusthash.evaluation.certifying.votes import count_votes
from robusthash.host import PluginHost
from robusthash.specs import Norm
from robusthash.testing import SmallVictim, toy_images

pytestmark = pytest.mark.usefixtures("cache")

SMOOTHED = {"sigma": "0.1", "votes": "9"}
SETTING = RunSettings(queries=8, options={"train": {"epochs": "3"}, "smoothed": SMOOTHED})
REQUEST = Request(models=("dpsh",), attacks=(), defenses=("smoothed",), setting=SETTING)


class Smooth(SmoothedModel):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the host votes by itself")


def test_the_noise_of_a_query_depends_on_the_seed_and_its_id_alone() -> None:
    images = ArrayImages((toy_images(4, seed=0)[0] * 255).round().to(torch.uint8))
    model = Smooth(SmallVictim().eval(), 0.3)

    def votes(rows: list[int], seed: int = 0, samples: int = 150) -> np.ndarray:
        kept = {"samples": samples, "seed": seed, "device": torch.device("cpu"), "progress": silent}
        return count_votes(model, images.take(rows), rows, **kept)  # type: ignore[arg-type]

    both = votes([1, 3])
    assert both.shape == (2, model.space.size)
    assert ((both >= 0) & (both <= 150)).all()
    np.testing.assert_array_equal(votes([3])[0], both[1])
    assert (votes([1], seed=1)[0] != both[0]).any()


def test_bounds_fall_and_stay_above_the_floor(host: PluginHost) -> None:
    found = certify(REQUEST, host, samples=200, confidence=0.99, progress=silent)
    values = list(found.bounds.values())
    assert values == sorted(values, reverse=True)
    assert found.floor <= values[-1] <= values[0] <= found.clean
    assert found.bounds.keys() == found.per_query.keys()
    assert len(next(iter(found.per_query.values()))) == found.queries == 8
    assert found.passes == 8 * 200
    again = certify(REQUEST, host, samples=200, confidence=0.99, progress=silent)
    assert replace(again, seconds=0) == replace(found, seconds=0)


def test_attacks_are_compared_at_the_distance_that_they_moved_a_query(host: PluginHost, tmp_path: Path) -> None:
    radius = Radius(size=0.2, norm=Norm.L2)
    attacked = replace(REQUEST, attacks=("hinge",), epsilons=(radius, Radius(size=0.1)))
    attacked = replace(attacked, setting=replace(SETTING, options=SETTING.options | {"hinge": {"steps": "5"}}))
    outcome = evaluate(attacked, host, results=tmp_path)
    assert not outcome.failures
    found = certify(REQUEST, host, samples=500, results=tmp_path, radii=(0.2,), progress=silent)
    assert {(one.attack, one.radius) for one in found.attacked} == {("noise", 0.2), ("hinge", 0.2)}
    for one in found.attacked:
        assert one.bound >= found.bounds[0.2] - 1e-12  # no query moved farther than the radius
        assert one.value >= one.bound
        assert one.below == 0
    other = replace(REQUEST, setting=replace(SETTING, options=SETTING.options | {"smoothed": {"sigma": "0.2"}}))
    assert not certify(other, host, samples=50, results=tmp_path, progress=silent).attacked


@pytest.mark.parametrize(
    ("change", "numbers", "error", "message"),
    [
        ({"defenses": ("none",)}, {}, UsageError, "does not vote over noise"),
        ({"defenses": ("bit-depth",)}, {}, UsageError, "bit-depth does not vote"),
        ({"bits": (16, 32)}, {}, UsageError, "these are 2"),
        ({}, {"radii": (0.2, 0.1)}, OptionError, "ascend"),
        ({}, {"radii": (-1.0,)}, OptionError, "radii"),
        ({}, {"radii": (float("nan"),)}, OptionError, "radii"),
        ({}, {"confidence": 1.0}, OptionError, "confidence"),
        ({}, {"samples": 0}, OptionError, "samples"),
    ],
)
def test_what_cannot_be_certified_is_refused(
    host: PluginHost, change: dict[str, object], numbers: dict[str, object], error: type[Exception], message: str
) -> None:
    setting = replace(SETTING, options={"train": {"epochs": "3"}})
    with pytest.raises(error, match=message):
        certify(replace(REQUEST, setting=setting, **change), host, progress=silent, **numbers)  # type: ignore[arg-type]


def test_the_command_prints_and_writes_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = ["certify", "--model", "dpsh", "--queries", "4", "--copies", "60", "--quiet"]
    base += ["-o", "train.epochs=3", "-o", "smoothed.sigma=0.1", "--radius", "0.1", "--radius", "1/20"]
    assert run([*base, "--json", "--output", "found.json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((tmp_path / "found.json").read_text())
    assert printed == written
    assert list(printed["bounds"]) == ["0.05", "0.1"]
    assert run(base) == 0
    table = capsys.readouterr().out
    assert f"{printed['bounds']['0.1']:.3f}" in table
    assert "map at least" in table
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert run([*base, "--plot", "found.svg"]) == 0
    assert "certified: at least" in (tmp_path / "found.svg").read_text()
    assert run([*base, "--plot", "found.doc"]) == 2
    assert "unknown suffix" in capsys.readouterr().err
    assert run([*base, "--confidence", "1.5"]) == 2
    assert "0 to 1" in capsys.readouterr().err
