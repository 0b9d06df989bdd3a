"""Attacks on texts through the public commands: which attack ranks within tags, and gradient attacks on fractions."""

from dataclasses import replace
from pathlib import Path

import pytest

import robusthash
from robusthash.cli import run
from robusthash.contracts import Norm, Radius, Threat
from robusthash.errors import OptionError, UsageError
from robusthash.evaluation.planning.roles import yardstick
from robusthash.host import PluginHost
from robusthash.results import CLEAN, Record, ResultStore
from robusthash.specs import Distance, Role
from robusthash.testing import TextVictim
from robusthash.testing.victims import TAGS, toy_inputs

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


def test_a_suite_and_the_python_interface_name_the_kinds_of_edits_alike(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text('models = ["towers"]\ndataset = "toy-tags"\nedits = [1, "words:1", "characters:2"]\n')
    assert run(["eval", "--suite", str(suite), "--quiet", "--results", str(tmp_path / "results")]) == 0
    found = stored(tmp_path)
    expected = {("tag-edits", "tags 1"), ("word-edits", "words 1"), ("typos", "characters 2")}
    assert {key for key in found if key[0] != "noise"} == expected
    monkeypatch.chdir(tmp_path)
    before = ResultStore(tmp_path / "results").load_all()[0]
    edits = [1, "words:1", "characters:2"]
    robusthash.evaluate("towers", dataset="toy-tags", edits=edits, results=tmp_path / "results")
    assert ResultStore(tmp_path / "results").load_all()[0] == before  # all of them were found there
    with pytest.raises(OptionError, match="'word'"):
        robusthash.evaluate("towers", dataset="toy-tags", edits="word:1", results=tmp_path / "results")


@pytest.mark.parametrize(("name", "edits"), [("tag-edits", 2), ("word-edits", "words:2"), ("typos", "characters:2")])
def test_an_attack_is_called_with_its_kind_of_edits(name: str, edits: int | str) -> None:
    victim = TextVictim(box=TAGS)
    texts, _ = toy_inputs(victim.modality, 3)
    outcome = robusthash.attack(name, aim="away", beam=1, candidates=4)(victim, texts, edits=edits)
    norm = {"tag-edits": Norm.TAGS, "word-edits": Norm.WORDS, "typos": Norm.CHARACTERS}[name]
    threat = Threat.on(victim.modality, Radius.edits(2, norm))
    assert 0 < int(threat.distance(outcome.inputs, texts).max()) <= 2
    assert threat.contains(outcome.inputs, texts).all()


def test_texts_without_a_vocabulary_have_no_characters() -> None:
    victim = TextVictim(box=TAGS)
    texts, _ = toy_inputs(victim.modality, 2)
    victim.modality = replace(victim.modality, vocabulary=None)
    with pytest.raises(UsageError, match="does not take texts of characters") as raised:
        robusthash.attack("typos", aim="away")(victim, texts, edits="characters:1")
    assert "vocabulary" in (raised.value.hint or "")
