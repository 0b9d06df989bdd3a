"""Threats that count edits, through the public commands: at most so many tags of a text are changed."""

import importlib
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from robusthash.cli import run
from robusthash.contracts import Attack, Norm
from robusthash.results import ADVERSARIAL, CLEAN, Record, ResultStore
from robusthash.testing import AttackContract

PLUGIN = """
from robusthash import hookimpl
from robusthash.specs import AttackSpec, Capability, DatasetSpec, Goal, ModelSpec, Norm

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

@hookimpl
def robusthash_attacks():
    yield AttackSpec(
        name="told-in-the-docs",
        factory="told_in_the_docs:EditText",
        summary="Makes the edits that matter most",
        goals={Goal.UNTARGETED},
        needs={Capability.GRADIENTS},
        norms={Norm.TAGS, Norm.WORDS, Norm.CHARACTERS},
    )
    for name, options in (("drop-tags", {}), ("greedy-fractions", {"share": 0.4}), ("too-many", {"extra": 2})):
        yield AttackSpec(
            name=name,
            factory="drop_tags:DropTags",
            summary="Drops the first tags",
            options=options,
            goals={Goal.UNTARGETED},
            norms={Norm.TAGS},
        )
"""
#: A third party's attack on texts, whole.
DROP_TAGS = '''
"""Drops the first tags of a text."""

from dataclasses import dataclass

import torch

from robusthash.contracts import Attack, Norm


@dataclass(frozen=True, kw_only=True)
class DropTags(Attack):
    """Drops the first tags that are there."""

    extra: int = 0  #: tags beyond what the threat allows
    share: float = 0.0  #: what is left of a tag

    @property
    def norms(self):
        return frozenset({Norm.TAGS})

    def perturb(self, batch, context):
        there = batch.inputs > 0
        dropped = there & (there.cumsum(1) <= context.threat.epsilon + self.extra)
        return torch.where(dropped, self.share * batch.inputs, batch.inputs)
'''


DOCS = Path(__file__).parents[1] / "docs"


def told_in_the_docs() -> str:
    """The attack on texts of the documentation, as it stands there."""
    page = (DOCS / "plugins" / "kinds" / "attack.md").read_text()
    return page.partition("## An attack on texts")[2].partition("```python\n")[2].partition("```")[0]


@pytest.fixture
def command(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # type: ignore[no-untyped-def]  # conftest's
    site.install("towers-plugin", PLUGIN)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "drop_tags.py").write_text(DROP_TAGS)
    (tmp_path / "code" / "told_in_the_docs.py").write_text(told_in_the_docs())
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    return ["eval", "--model", "towers", "--dataset", "toy-tags", "--quiet", "--results", str(tmp_path / "results")]


def stored(tmp_path: Path) -> list[Record]:
    return ResultStore(tmp_path / "results").load_all()[0]


BOTH = ["--attack", "drop-tags", "--attack", "hinge", "-o", "hinge.steps=5"]
FRACTIONS = "Linf 0.05, 12 elements in [0, 1]"  #: how strong it is depends on the vocabulary and its scale
RADII = ["--epsilon", "0.05", "--edits", "0", "--edits", "1", "--edits", "3"]


def test_each_attack_is_run_within_the_threats_that_it_works_within(command: list[str], tmp_path: Path) -> None:
    assert run([*command, *BOTH, *RADII, "--direction", "t2i", "--direction", "i2t"]) == 0
    found = defaultdict(set)
    for record in stored(tmp_path):
        found[str(record.victim.direction), record.attack.name].add(str(record.attack.radius))
    tags = {"tags 0", "tags 1", "tags 3"}
    assert found == {
        ("t2i", "noise"): {"Linf 0.05", *tags},
        ("t2i", "drop-tags"): tags,
        ("t2i", "hinge"): {"Linf 0.05"},
        ("i2t", "noise"): {"Linf 0.05"},
        ("i2t", "hinge"): {"Linf 0.05"},
    }


def test_what_is_delivered_is_whole_and_within_the_edits(command: list[str], tmp_path: Path) -> None:
    assert run([*command, *BOTH, *RADII, "--direction", "t2i"]) == 0
    store = ResultStore(tmp_path / "results")
    for record in stored(tmp_path):
        arrays = store.arrays(record)
        if record.attack.norm is not Norm.TAGS:
            assert "tags" not in arrays.columns
            continue
        edits, count = arrays.column("tags"), int(record.attack.epsilon)
        assert edits.max() <= count
        assert record.outcome.imagery["tags"] == edits.mean()
        assert record.outcome.imagery["linf"] == (1.0 if count else 0.0)
        if count == 0:
            assert record.measure(ADVERSARIAL) == record.measure(CLEAN)
            assert (arrays.codes_at(ADVERSARIAL) == arrays.codes_at(CLEAN)).all()
        elif record.attack.name == "noise":
            assert (edits == count).all()  # as many as it may
        assert not record.outcome.flags


def test_the_guard_keeps_the_largest_changes_and_takes_no_fractions(command: list[str], tmp_path: Path) -> None:
    attacks = ["--attack", "drop-tags", "--attack", "greedy-fractions", "--attack", "too-many"]
    assert run([*command, *attacks, "--edits", "2"]) == 0
    found = {record.attack.name: record for record in stored(tmp_path)}
    plain, fractions, many = (found[name] for name in ("drop-tags", "greedy-fractions", "too-many"))
    store = ResultStore(tmp_path / "results")
    for altered in (fractions, many):
        assert (store.arrays(altered).codes_at(ADVERSARIAL) == store.arrays(plain).codes_at(ADVERSARIAL)).all()
        assert altered.outcome.imagery["tags"] == 2
        assert [flag.id for flag in altered.outcome.flags] == ["RH005"]
        assert "clipped by the guard" in altered.outcome.flags[0].message
    assert not plain.outcome.flags


def test_an_attack_on_texts_of_twenty_lines_runs_as_it_is_told_in_the_docs(command: list[str], tmp_path: Path) -> None:
    radii = [word for norm in ("tags", "words", "characters") for k in "13" for word in ("--edits", f"{norm}:{k}")]
    assert run([*command, "--attack", "told-in-the-docs", *radii]) == 0
    found = {str(record.attack.radius): record for record in stored(tmp_path) if record.attack.name != "noise"}
    store = ResultStore(tmp_path / "results")
    for norm in ("tags", "words", "characters"):
        one, three = found[f"{norm} 1"], found[f"{norm} 3"]
        for record in (one, three):
            assert not record.outcome.flags
            moved = store.arrays(record).column(norm)
            assert moved.max() == record.attack.epsilon
            assert norm != "tags" or moved.min() == record.attack.epsilon
        assert three.measure().value < one.measure().value < one.measure(CLEAN).value
    assert len(told_in_the_docs().strip().splitlines()) < 26


class TestTheAttackOfTheDocs(AttackContract):
    """The same keeps the contract."""

    @pytest.fixture
    def attack(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attack:
        (tmp_path / "told_to_authors.py").write_text(told_in_the_docs())
        monkeypatch.syspath_prepend(str(tmp_path))
        made: Attack = importlib.import_module("told_to_authors").EditText()
        monkeypatch.delitem(sys.modules, "told_to_authors")
        return made


def test_edits_alone_choose_the_direction_of_texts(command: list[str], tmp_path: Path) -> None:
    assert run([*command, "--attack", "drop-tags", "--edits", "1"]) == 0
    assert {str(record.victim.direction) for record in stored(tmp_path)} == {"t2i"}


@pytest.mark.parametrize(
    ("options", "said", "hint"),
    [
        (["--edits", "1", "--direction", "i2t"], "edits 1: the images of direction i2t have none", "--direction"),
        (["--edits", "1", "--direction", "t2i", "--direction", "i2t"], "the images of direction i2t have none", ""),
        (["--attack", "drop-tags"], "'drop-tags' works within tags, and not within Linf", "--edits 3"),
        (["--attack", "hinge", "--edits", "1"], "'hinge' works within l2 or linf, and not within tags 1", "--epsilon"),
        (["--edits", "-1"], "edits is -1", "whole number"),
        (["--edits", "1.5"], "whole number", ""),
        (["--edits", "word:1"], "edits 'word:1' count no known 'word'", "did you mean 'words'?"),
        (["--edits", "linf:1"], "edits 'linf:1' count no known 'linf'", "words:3"),
        (["--edits", "characters:1", "--direction", "i2t"], "edits characters:1: the images of direction i2t", ""),
        (["--attack", "drop-tags", "--edits", "words:1"], "works within tags, and not within words 1", ""),
    ],
)
def test_what_no_text_can_be_edited_by_is_one_error(
    command: list[str], capsys: pytest.CaptureFixture[str], options: list[str], said: str, hint: str, tmp_path: Path
) -> None:
    assert run([*command, *options]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert hint in told
    assert not (tmp_path / "results").exists()


def test_tags_are_never_ranked_with_fractions(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, *BOTH, *RADII, "--direction", "t2i"]) == 0
    capsys.readouterr()
    results = ["--results", str(tmp_path / "results")]
    assert run(["leaderboard", *results, "--format", "json"]) == 0
    sections = json.loads(capsys.readouterr().out)["sections"]
    assert [one["setting"]["threat"] for one in sections] == [FRACTIONS, "tags 0", "tags 1", "tags 3"]
    for section in sections:
        attacks = {row["label"] for row in section["rows"] if row["kind"] == "attack"}
        assert attacks == ({"hinge"} if section["setting"]["norm"] == "linf" else {"drop-tags"})
    assert run(["leaderboard", *results]) == 0
    assert "tags 3" in capsys.readouterr().out
    assert run(["curve", "--over", "epsilon", *results]) == 0
    shown = capsys.readouterr().out
    assert "over edits (tags)" in shown
    assert "hinge" not in shown  # one radius is no curve
    assert run(["show", "--results", results[1], stored(tmp_path)[0].digest[:12]]) == 0
    capsys.readouterr()


def test_a_gate_judges_edits(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, *BOTH, *RADII, "--direction", "t2i"]) == 0
    results = ["--results", str(tmp_path / "results")]
    capsys.readouterr()
    assert run(["gate", results[1], "--fail-under", "map[attack=drop-tags, edits=3] >= 0.0"]) == 0
    assert "drop-tags at tags 3" in capsys.readouterr().out
    assert run(["gate", results[1], "--fail-under", "map[attack=drop-tags, edits=3] >= 1.0"]) == 3
    assert run(["gate", results[1], "--fail-under", "map[edits=7] >= 0.0"]) == 2
    assert "the results have 0, 1, 3" in capsys.readouterr().err


def test_words_characters_and_tags_are_kept_apart(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many edits of another kind are another threat: in tables, curves, comparisons and rules."""
    radii = [word for norm in ("tags", "words", "characters") for k in "13" for word in ("--edits", f"{norm}:{k}")]
    assert run([*command, "--attack", "told-in-the-docs", *radii]) == 0
    results = ["--results", str(tmp_path / "results")]
    capsys.readouterr()
    assert run(["leaderboard", *results, "--format", "json"]) == 0
    sections = json.loads(capsys.readouterr().out)["sections"]
    told = [one["setting"]["threat"] for one in sections]
    assert sorted(told) == [f"{norm} {k}" for norm in ("characters", "tags", "words") for k in "13"]
    assert run(["curve", "--over", "epsilon", *results]) == 0
    shown = capsys.readouterr().out
    assert all(f"over edits ({norm})" in shown for norm in ("tags", "words", "characters"))
    assert run(["gate", results[1], "--fail-under", "map[attack=told-in-the-docs, edits=words:3] >= 0.0"]) == 0
    judged = capsys.readouterr().out
    assert "told-in-the-docs at words 3" in judged
    assert "tags 3" not in judged
    rules, baseline = tmp_path / "pyproject.toml", str(tmp_path / "baseline.json")
    rules.write_text('[tool.robusthash.gate]\nrules = ["map[edits=*] drop <= 0.1"]\n')
    compared = [results[1], "--rules", str(rules), "--baseline", baseline]
    assert run(["baseline", "update", *compared]) == 0
    capsys.readouterr()
    assert run(["gate", *compared]) == 0
    capsys.readouterr()
    held = json.loads((tmp_path / "baseline.json").read_text())["cells"]
    assert sorted((cell["setting"]["norm"], cell["setting"]["edits"]) for cell in held) == [
        ("characters", "characters:1"),
        ("characters", "characters:3"),
        ("tags", "1"),
        ("tags", "3"),
        ("words", "words:1"),
        ("words", "words:3"),
    ]


def test_a_second_run_reuses_what_is_stored(command: list[str], tmp_path: Path) -> None:
    assert run([*command, *BOTH, *RADII, "--direction", "t2i"]) == 0
    before = {record.digest: record.created for record in stored(tmp_path)}
    assert run([*command, *BOTH, *RADII, "--edits", "2", "--direction", "t2i"]) == 0
    after = {record.digest: record.created for record in stored(tmp_path)}
    assert len(after) == len(before) + 2
    assert {digest: after[digest] for digest in before} == before


def test_no_room_of_the_evaluation_branches_on_a_modality() -> None:
    """What a modality is like, it says itself: its box, what is edited in it, how it is compared.

    Inspections of images, tasks that write pictures, and the rooms where models are built are about modalities; so
    are the pictures that a run keeps, the space that they take, and where the networks of a model come from.
    """
    folder = Path(__import__("robusthash").__file__).parent / "evaluation"
    rooms = ("planning", "crafting", "scoring", "running")
    branches = [
        f"{path.relative_to(folder)}:{number}: {line.strip()}"
        for path in sorted(folder.rglob("*.py"))
        if path.relative_to(folder).parts[0] in rooms and path.name not in {"pictures.py", "space.py", "origins.py"}
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r"\b(IMAGE|TEXT)\b|[\"'](image|text|tags)[\"']|Norm\.TAGS|modality\.name *[!=]=", line)
    ]
    assert branches == []
