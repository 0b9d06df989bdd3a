"""An edited text is what somebody would type: read again, it is the bag of words that the attack delivered."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from robusthash.cli import run
from robusthash.contracts import ArrayTexts, Modality, Norm, Radius, Threat, misspelt
from robusthash.contracts.attacking.spelling import edit_distances
from robusthash.errors import CapabilityError, DatasetError
from robusthash.evaluation.tasks.rewriting import rewritten

WORDS = ("dog", "dig", "cat", "car", "two", "light", "fight", "run", "light-house", "haired")
TEXTS = [
    "Two dogs? No: a dog and a Dog run.",
    "A light-haired cat in the light of a light-house",
    "car, cat; run!",
]


def read(text: str) -> Tensor:
    """The known words of a text; parts of a hyphenated word too, unless it is a word itself."""
    for word in sorted(WORDS, key=len, reverse=True):
        if "-" in word:
            text = re.sub(re.escape(word), f"<{WORDS.index(word)}>", text, flags=re.IGNORECASE)
    tokens = re.findall(r"<\d+>|\w+", text.lower())
    return torch.tensor([word in tokens or f"<{column}>" in tokens for column, word in enumerate(WORDS)])


@pytest.mark.parametrize("norm", [Norm.TAGS, Norm.WORDS, Norm.CHARACTERS])
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_typed_is_what_was_delivered(norm: Norm, text: str) -> None:
    before = read(text)
    threat = Threat.on(Modality.text(len(WORDS), tags=True, vocabulary=WORDS), Radius.edits(2, norm))
    bags = [
        now for one in threat.moves(before, before).applied(before) for now in threat.moves(one, before).applied(one)
    ]
    assert len(bags) > 10
    for now in bags:
        edited = rewritten(text, threat.pairs(now, before), WORDS, norm)
        assert read(edited.text).tolist() == now.tolist(), edited
        assert len(edited.changes) <= edited.places


def test_a_word_is_changed_wherever_it_is_and_nothing_else_is() -> None:
    edited = rewritten(TEXTS[0], [(0, 2)], WORDS, Norm.WORDS)
    assert (edited.text, edited.changes, edited.places) == ("Two dogs? No: a cat and a Cat run.", ("dog > cat",), 2)
    edited = rewritten(TEXTS[1], [(5, 6)], WORDS, Norm.CHARACTERS)
    assert edited.text == "A fight-haired cat in the fight of a light-house"
    edited = rewritten("dog dig", [(0, 1), (1, 2)], WORDS, Norm.WORDS)  # nothing is edited twice
    assert edited.text == "dig cat"
    edited = rewritten("dog dig", [(0, None), (None, 2)], WORDS, Norm.TAGS)
    assert (edited.text, edited.changes, edited.places) == ("dig cat", ("dog >", "> cat"), 2)


@pytest.mark.parametrize("word", ["dog", "a", "aa", "be", "light-house", "12"])
def test_a_misspelt_word_is_one_character_away_and_unknown(word: str) -> None:
    known = {word}
    for _ in range(30):  # each misspelling becomes a word, so that all ways are tried
        typo = misspelt(word, known)
        assert typo
        assert typo not in known
        assert edit_distances(word, [typo]).tolist() == [1]
        known.add(typo)


def test_texts_are_told_as_they_were_written_or_by_their_words() -> None:
    bags, modality = torch.eye(3, len(WORDS)), Modality.text(len(WORDS), tags=True)
    plain, captioned = ArrayTexts(bags, modality, WORDS), ArrayTexts(bags, modality, WORDS, TEXTS)
    assert plain.written([0, 2]) == ["dog", "cat"]
    assert captioned.written([2]) == [TEXTS[2]]
    assert captioned.take([1, 2]).written([1]) == [TEXTS[2]]
    assert captioned.identity() == plain.identity()
    with pytest.raises(CapabilityError, match="have no words"):
        ArrayTexts(bags, modality).written([0])
    with pytest.raises(DatasetError, match="2 captions for 3 texts"):
        ArrayTexts(bags, modality, WORDS, TEXTS[:2])


PLUGIN = """
from robusthash import hookimpl
from robusthash.specs import DatasetSpec, ModelSpec

@hookimpl
def robusthash_models():
    yield ModelSpec(name="towers", factory="robusthash.testing.crossmodal:ToyTowers", summary="Two toy towers")

@hookimpl
def robusthash_datasets():
    made = {"factory": "robusthash.testing.crossmodal:ToyPairs", "summary": "Toy pairs"}
    yield DatasetSpec(name="toy-tags", options={"tags": True}, **made)
"""


@pytest.fixture
def command(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # type: ignore[no-untyped-def]  # conftest's
    site.install("towers-plugin", PLUGIN)
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    return ["attack", "--model", "towers", "--dataset", "toy-tags", "--quiet", "--output", str(tmp_path / "out")]


def test_the_attacked_texts_are_written(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--attack", "noise", "--edits", "words:2"]) == 0
    told = capsys.readouterr().out
    assert "24 adversarial texts in" in told
    assert "bits flipped" in told
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["norm"], manifest["epsilon"]) == ("words", 2)
    for text in manifest["texts"]:
        before, after = text["before"].split(), text["after"].split()
        assert len(before) == len(after)
        assert len(set(before) - set(after)) == text["edits"] == text["places"] == len(text["changes"]) == 2
        flipped = int(text["clean_code"], 16) ^ int(text["adversarial_code"], 16)
        assert flipped.bit_count() == text["moved"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--edits", "3", "--epsilon", "0.1"], "--epsilon and --edits are both set"),
        (["--edits", "3", "--input", "folder"], "--edits is for texts, and --input is of images"),
        (["--direction", "t2i"], "texts within Linf 0.1 cannot be written"),
    ],
)
def test_what_cannot_be_written_is_one_error(
    command: list[str], capsys: pytest.CaptureFixture[str], options: list[str], said: str, tmp_path: Path
) -> None:
    assert run([*command, "--attack", "noise", *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_images_are_written_in_the_other_direction(command: list[str], tmp_path: Path) -> None:
    assert run([*command, "--attack", "noise", "--direction", "i2t", "--queries", "2"]) == 0
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
