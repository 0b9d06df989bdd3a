"""Attacks on texts through the public commands: which attack ranks within tags, and gradient attacks on fractions."""

from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.contracts import Norm
from robusthash.evaluation.planning.roles import yardstick
from robusthash.host import PluginHost
from robusthash.results import CLEAN, Record, ResultStore
from robusthash.specs import Distance, Role

TOYS = """
from robusthash import hookimpl
from robusthash.specs import DatasetSpec, ModelSpec

@hookimpl
def robusthash_models():
    yield ModelSpec(name="towers", factory="robusthash.testing.crossmodal:ToyTowers", summary="Two toy towers")

@hookimpl
def robusthash_datasets():
    yield DatasetSpec(
        name="toy-tags",
        factory="robusthash.testing.crossmodal:ToyPairs",
        summary="Toy pairs with tags",
        options={"tags": True},
    )
"""


@pytest.fixture
def command(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # type: ignore[no-untyped-def]  # conftest's
    site.install("towers-plugin", TOYS)
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    return ["eval", "--model", "towers", "--dataset", "toy-tags", "--quiet", "--results", str(tmp_path / "results")]


def stored(tmp_path: Path) -> dict[tuple[str, str], Record]:
    records = ResultStore(tmp_path / "results").load_all()[0]
    return {(record.attack.name, str(record.attack.radius)): record for record in records}


def test_one_attack_ranks_models_within_tags_and_another_within_epsilon() -> None:
    host = PluginHost.load()
    assert yardstick(host, Distance.HAMMING, Norm.TAGS) == "tag-edits"
    assert yardstick(host, Distance.HAMMING) == "strongest"


def test_edits_alone_are_those_of_the_attack_that_ranks(command: list[str], tmp_path: Path) -> None:
    assert run([*command, "--edits", "1", "--edits", "3"]) == 0
    found = stored(tmp_path)
    assert {name for name, _ in found} == {"noise", "tag-edits"}
    one, three = found["tag-edits", "tags 1"], found["tag-edits", "tags 3"]
    assert one.attack.role is Role.YARDSTICK
    assert three.measure().value < one.measure().value < one.measure(CLEAN).value
    for radius in ("tags 1", "tags 3"):
        assert found["tag-edits", radius].measure().value < found["noise", radius].measure().value
    assert one.outcome.cost.forward > 0
    assert one.outcome.cost.backward > 0
    assert not one.outcome.flags + three.outcome.flags


@pytest.mark.parametrize("attack", ["rnm", "hag", "mainstay", "center", "fpad"])
def test_gradient_attacks_work_on_fractions_of_tags(command: list[str], tmp_path: Path, attack: str) -> None:
    assert run([*command, "--attack", attack, "--direction", "t2i", "--epsilon", "0.6"]) == 0
    records = stored(tmp_path)
    found = records[attack, "Linf 0.6"]
    assert found.measure().value < records["noise", "Linf 0.6"].measure().value - 0.2
    inputs = found.attack.inputs
    assert inputs is not None
    assert (inputs.elements, inputs.low, inputs.high, inputs.levels) == (12, 0.0, 1.0, None)


def test_the_strongest_works_on_fractions_of_tags(command: list[str], tmp_path: Path) -> None:
    members = "strongest.members=hinge,mainstay"
    assert run([*command, "--attack", "strongest", "-o", members, "--direction", "t2i", "--epsilon", "0.6"]) == 0
    records = stored(tmp_path)
    assert records["strongest", "Linf 0.6"].measure().value < records["noise", "Linf 0.6"].measure().value - 0.2
