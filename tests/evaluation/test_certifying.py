"""Certificates of whole models: what is voted on, what is compared, and what is refused."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robusthash.cli.commands.certify import sheet
from robusthash.cli.entry import run
from robusthash.contracts import ArrayImages, DefenseContext, HashModel, RetrievalData, Split, silent
from robusthash.epsilon import Radius
from robusthash.errors import OptionError, UsageError
from robusthash.evaluation import Request, RunSettings, certify, evaluate
from robusthash.evaluation.certifying.votes import count_votes
from robusthash.host import PluginHost
from robusthash.specs import Norm, Vote
from robusthash.testing import LinearVictim, SmallVictim, toy_images
from robusthash_defenses.smoothed import Smoothing, Voted

pytestmark = pytest.mark.usefixtures("cache")

SMOOTHED = {"sigma": "0.1", "votes": "9"}
SETTING = RunSettings(queries=8, options={"train": {"epochs": "3"}, "smoothed": SMOOTHED})
REQUEST = Request(models=("dpsh",), attacks=(), defenses=("smoothed",), setting=SETTING)


def test_the_noise_of_a_query_depends_on_the_seed_and_its_id_alone() -> None:
    images = ArrayImages((toy_images(4, seed=0)[0] * 255).round().to(torch.uint8))
    model = SmallVictim().eval()

    def votes(rows: list[int], seed: int = 0, samples: int = 150) -> np.ndarray:
        kept = {"sigma": 0.3, "samples": samples, "seed": seed, "device": torch.device("cpu"), "progress": silent}
        return count_votes(model, images.take(rows), rows, **kept)  # type: ignore[arg-type]

    both = votes([1, 3])
    assert both.shape == (2, model.space.size)
    assert ((both >= 0) & (both <= 150)).all()
    np.testing.assert_array_equal(votes([3])[0], both[1])
    assert (votes([1], seed=1)[0] != both[0]).any()


@pytest.mark.parametrize("of", Vote)
def test_bounds_fall_and_stay_above_the_floor(host: PluginHost, of: Vote) -> None:
    found = certify(REQUEST, host, samples=200, confidence=0.99, of=of, progress=silent)
    values = list(found.bounds.values())
    assert (found.of, found.votes) == (of, 9)
    assert (np.diff(values) <= 1e-12).all()  # apart from rounding, where every bit is open
    assert found.floor - 1e-12 <= values[-1] < values[0] <= found.clean
    assert found.bounds.keys() == found.per_query.keys()
    assert len(next(iter(found.per_query.values()))) == found.queries == 8
    assert found.passes == 8 * (200 + 9)
    assert (found.unmoved.attack, found.unmoved.radius, found.unmoved.digest) == ("none", 0, None)
    assert found.compared == (found.unmoved,)
    assert found.lost == found.unmoved.below == 0
    assert len(found.ids) == 8
    again = certify(REQUEST, host, samples=200, confidence=0.99, of=of, progress=silent)
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
        assert one.below == one.wrong == 0
    other = replace(REQUEST, setting=replace(SETTING, options=SETTING.options | {"smoothed": {"sigma": "0.2"}}))
    assert not certify(other, host, samples=50, results=tmp_path, progress=silent).attacked


STEP = 5  #: the toys' pixels are multiples of it, until somebody moves them


def toys(database: int) -> RetrievalData:
    def split(name: str, count: int, seed: int) -> Split:
        images, labels = toy_images(count, seed=seed)
        levels = (images * 255).round().to(torch.uint8) // STEP * STEP
        return Split.of_images(name=name, images=ArrayImages(levels), labels=labels, ids=tuple(map(str, range(count))))

    return RetrievalData(
        name="toys",
        classes=tuple("abcd"),
        query=split("query", 12, 1),
        database=split("database", database, 2),
        train=split("train", 8, 3),
    )


class Backdoored(Voted):
    """Votes as it says on what nobody has moved, and against each bit of anything else."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        moved = ((inputs * 255).round() % STEP).flatten(1).any(1, keepdim=True)
        return super().forward(inputs) * torch.where(moved, -1, 1)


@dataclass(frozen=True, kw_only=True)
class Backdoor(Smoothing):
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        return Backdoored(model, self.sigma, self.votes)


@pytest.mark.parametrize(("method", "faulty"), [(Smoothing, False), (Backdoor, True)])
def test_an_attack_below_the_bound_is_found_and_told(
    host: PluginHost, tmp_path: Path, method: type[Smoothing], *, faulty: bool
) -> None:
    setting = RunSettings(dataset=toys(40))
    base = Request(models=(LinearVictim(16),), attacks=(), defenses=(method(sigma=0.1, votes=99),), setting=setting)
    attacks = {"hinge": {"steps": "5"}}
    outcome = evaluate(
        replace(
            base,
            attacks=tuple(attacks),
            epsilons=(Radius(size=0.05, norm=Norm.L2),),
            setting=replace(setting, options=attacks),
        ),
        host,
        results=tmp_path,
    )
    assert not outcome.failures
    found = certify(base, host, results=tmp_path, progress=silent)
    assert {one.attack for one in found.attacked} == {"noise", *attacks}
    assert min(one.bound for one in found.attacked) > found.floor + 0.2  # there is something to fall below
    bad = found.queries if faulty else 0
    assert [(one.below, one.wrong) for one in found.compared] == [(0, 0), (bad, bad), (bad, bad)]
    told = [note.text for note in sheet(found).notes if note.warning]
    assert len(told) == (4 if faulty else 0)
    assert all("at 0.05: 12 of 12 queries" in text and "where 0.012 may be" in text for text in told)
    total = f"12 queries: 3; below their own bound: {2 * bad}; with a wrong bit where it is certain: {2 * bad}, where"
    assert total in sheet(found).notes[-1].text
    # The same queries have other bounds in another database.
    other = replace(base, setting=replace(setting, dataset=toys(36)))
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
    assert "a vote of 31 copies" in table
    assert run([*base, "--of", "ideal", "--json"]) == 0
    ideal = json.loads(capsys.readouterr().out)
    assert (printed["of"], ideal["of"]) == ("deployed", "ideal")
    assert ideal["bounds"]["0.05"] >= printed["bounds"]["0.05"]
    assert run([*base, "--of", "best"]) == 2
    assert "deployed, ideal" in capsys.readouterr().err
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert run([*base, "--plot", "found.svg"]) == 0
    assert "certified: at least" in (tmp_path / "found.svg").read_text()
    assert run([*base, "--plot", "found.doc"]) == 2
    assert "unknown suffix" in capsys.readouterr().err
    assert run([*base, "--plot", "found.svg", "--output", "./found.svg"]) == 2
    assert "--output and --plot are one file" in capsys.readouterr().err
    assert run([*base, "--confidence", "1.5"]) == 2
    assert "0 to 1" in capsys.readouterr().err
