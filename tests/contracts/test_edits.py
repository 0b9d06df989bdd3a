"""Threats that count words and characters: distance, nearest bag and single edits, against definitions."""

from collections.abc import Iterator
from itertools import combinations, permutations, product

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from torch import Tensor

from robusthash.contracts import ArrayTexts, Box, Modality, Norm, Radius, Threat
from robusthash.contracts.attacking.spelling import edit_distances, matched, spelling_of
from robusthash.epsilon import Edits, parse_edits
from robusthash.errors import CapabilityError, ContractError, OptionError

WORDS = ("cat", "cut", "act", "bat", "dog", "do")
WIDTH = len(WORDS)
EVERY = torch.tensor(list(product([0.0, 1.0], repeat=WIDTH)))  #: all bags
ALPHABET = "abc"

boxes = st.sampled_from([Box(levels=1), Box(), Box(low=-1.0, high=3.0)])
bags = st.lists(st.sampled_from([0.0, 1.0]), min_size=WIDTH, max_size=WIDTH).map(torch.tensor)
anything = st.lists(st.floats(-1, 2, width=32), min_size=WIDTH, max_size=WIDTH).map(torch.tensor)
counted = st.sampled_from([Norm.WORDS, Norm.CHARACTERS])


def on(norm: Norm, edits: int, box: Box | None = None) -> Threat:
    return Threat(epsilon=edits, box=box or Box(), norm=norm, vocabulary=WORDS)


def placed(box: Box, unit: Tensor) -> Tensor:
    return box.low + unit * box.width


# --- spelling ---------------------------------------------------------------------------------------------------------


def typos(word: str) -> Iterator[str]:
    """Everything one edit away: the definition, spelt out."""
    for at in range(len(word) + 1):
        yield from (word[:at] + letter + word[at:] for letter in ALPHABET)
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
        yield from (word[:at] + letter + word[at + 1 :] for letter in ALPHABET)
        yield word[:at] + word[at : at + 2][::-1] + word[at + 2 :]


def fewest_typos(word: str, other: str) -> int:
    reached, steps = {word}, 0
    while other not in reached:
        reached |= {typo for known in reached for typo in typos(known)}
        steps += 1
    return steps


short = st.text(ALPHABET, min_size=1, max_size=4)


@settings(max_examples=40)
@given(short, st.lists(short, min_size=1, max_size=3))
def test_edit_distances_are_the_fewest_typos(word: str, others: list[str]) -> None:
    assert edit_distances(word, others).tolist() == [fewest_typos(word, other) for other in others]


@pytest.mark.parametrize(
    ("word", "other", "distance"),
    [
        ("dog", "dogs", 1),  # an insertion
        ("dogs", "dog", 1),  # a deletion
        ("dog", "dig", 1),  # a substitution
        ("form", "from", 1),  # two letters swapped
        ("ca", "abc", 2),  # swapped, and then a letter between the two: three where only whole letters are swapped
        ("kitten", "sitting", 3),
        ("straße", "strasse", 2),
        ("naïve", "naive", 1),
    ],
)
def test_well_known_distances(word: str, other: str, distance: int) -> None:
    assert edit_distances(word, [other]).tolist() == [distance]
    assert edit_distances(other, [word]).tolist() == [distance]


@given(st.integers(1, 4), st.integers(0, 2), st.data())
def test_an_assignment_costs_least(rows: int, more: int, data: st.DataObject) -> None:
    columns = rows + more
    numbers = data.draw(st.lists(st.integers(0, 5), min_size=rows * columns, max_size=rows * columns))
    costs = np.array(numbers, dtype=float).reshape(rows, columns)
    found = matched(costs)
    assert len(set(found.tolist())) == rows
    least = min(
        sum(costs[row, column] for row, column in enumerate(some)) for some in permutations(range(columns), rows)
    )
    assert costs[np.arange(rows), found].sum() == least


@pytest.mark.parametrize("words", [("cat", "cat"), ("cat", "")])
def test_a_vocabulary_has_each_word_once(words: tuple[str, ...]) -> None:
    with pytest.raises(ContractError, match="empty words, or the same word twice"):
        spelling_of(words)


# --- distance ---------------------------------------------------------------------------------------------------------


def made(norm: Norm, bag: tuple[float, ...], most: int) -> dict[tuple[float, ...], int]:
    """The fewest edits of every bag within so many, found by typing: each word becomes another one, or is lost."""
    before = [word for word, there in zip(WORDS, bag, strict=True) if there]
    found: dict[tuple[float, ...], int] = {}
    if norm is Norm.WORDS:
        absent = [word for word in WORDS if word not in before]
        for count in range(most + 1):
            for drops, adds in product(combinations(before, count), combinations(absent, count)):
                typed = (set(before) - set(drops)) | set(adds)
                found.setdefault(tuple(float(word in typed) for word in WORDS), count)
        return found
    choices = [
        [(word, 0), ("", 1), *((other, int(edit_distances(word, [other])[0])) for other in WORDS if other != word)]
        for word in before
    ]
    for typed in product(*choices):
        cost = sum(one for _, one in typed)
        words = {word for word, _ in typed}
        key = tuple(float(word in words) for word in WORDS)
        if cost <= most:
            found[key] = min(cost, found.get(key, cost))
    return found


@settings(max_examples=40)
@given(counted, boxes, bags)
def test_the_distance_is_the_fewest_edits(norm: Norm, box: Box, clean: Tensor) -> None:
    most = 3
    typed = made(norm, tuple(clean.tolist()), most)
    distances = on(norm, 0, box).distance(placed(box, EVERY), placed(box, clean).expand(len(EVERY), -1))
    for bag, distance in zip(EVERY.tolist(), distances.tolist(), strict=True):
        assert min(distance, most + 1) == typed.get(tuple(bag), most + 1)


def test_no_typo_and_no_replacement_adds_a_word_for_nothing() -> None:
    clean, more = torch.tensor([[1.0, 0, 0, 0, 0, 0]]), torch.tensor([[1.0, 1, 0, 0, 0, 0]])
    for norm in (Norm.WORDS, Norm.CHARACTERS):
        assert on(norm, 0).distance(more, clean).tolist() == [float("inf")]
    assert on(Norm.WORDS, 0).distance(torch.zeros(1, WIDTH), clean).tolist() == [float("inf")]
    assert on(Norm.CHARACTERS, 0).distance(torch.zeros(1, WIDTH), clean).tolist() == [1.0]


# --- the nearest bag --------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(counted, boxes, bags, anything, st.integers(0, WIDTH + 1))
def test_the_projection_is_within_the_edits_and_stays_there(
    norm: Norm, box: Box, clean: Tensor, unit: Tensor, k: int
) -> None:
    threat, centre, inputs = on(norm, k, box), placed(box, clean)[None], placed(box, unit)[None]
    found = threat.project(inputs, centre)
    assert threat.contains(found, centre).all()
    assert torch.equal(threat.project(found, centre), found)
    inside = EVERY[on(norm, k).contains(EVERY, clean.expand(len(EVERY), -1))]
    assert torch.equal(threat.project(placed(box, inside), centre.expand(len(inside), -1)), placed(box, inside))
    assert torch.equal(on(norm, 0, box).project(inputs, centre), centre)


@settings(max_examples=40)
@example(Norm.CHARACTERS, torch.tensor([1.0, 0, 1, 0, 0, 0]), torch.tensor([1.5, 2, 1.5, 0, 0, 0]), 3)
@given(counted, bags, anything, st.integers(0, 3))
def test_the_projection_is_the_nearest_bag(norm: Norm, clean: Tensor, unit: Tensor, k: int) -> None:
    found = on(norm, k).project(unit[None], clean[None])[0]
    within = EVERY[on(norm, k).contains(EVERY, clean.expand(len(EVERY), -1))]
    nearest = (within - unit).double().square().sum(1).min()
    own = (found - unit).double().square().sum()
    if norm is Norm.WORDS:
        torch.testing.assert_close(own, nearest, atol=1e-5, rtol=1e-5)
    else:  # two words that would become the same one are the exception that the documentation names
        assert own <= (clean - unit).double().square().sum() + 1e-6
        assert own >= nearest - 1e-6


def test_of_characters_the_projection_is_nearly_always_the_nearest() -> None:
    generator = torch.Generator().manual_seed(0)
    gaps = []
    for _ in range(60):
        clean, unit = (torch.rand(WIDTH, generator=generator) < 0.5).float(), torch.rand(WIDTH, generator=generator)
        found = on(Norm.CHARACTERS, 2).project(unit[None], clean[None])[0]
        within = EVERY[on(Norm.CHARACTERS, 2).contains(EVERY, clean.expand(len(EVERY), -1))]
        gaps.append(float((found - unit).square().sum() - (within - unit).square().sum(1).min()))
    assert sum(gap < 1e-5 for gap in gaps) >= 50


@given(counted, boxes, bags, st.integers(0, WIDTH), st.integers(0, 9))
def test_random_points_edit_as_much_as_they_may(norm: Norm, box: Box, clean: Tensor, k: int, seed: int) -> None:
    threat, centre = on(norm, k, box), placed(box, clean)[None]
    found = threat.point(torch.rand(1, WIDTH, generator=torch.Generator().manual_seed(seed)), centre)
    there = int(clean.sum())
    assert threat.contains(found, centre).all()
    most = min(k, there) if norm is Norm.CHARACTERS else min(k, there, WIDTH - there)
    assert int((found < centre).sum()) == most
    assert int((found > centre).sum()) == (0 if norm is Norm.CHARACTERS else most)


# --- single edits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [Norm.TAGS, Norm.WORDS, Norm.CHARACTERS])
@pytest.mark.parametrize("kept", [0, 1, 2])
def test_moves_are_all_single_edits_that_undo_none(norm: Norm, kept: int) -> None:
    generator = torch.Generator().manual_seed(kept)
    before = torch.tensor([True, False, True, False, True, False])
    bag = before.clone()
    bag[:kept] = ~bag[:kept]  # edited before, and not to be undone
    moves = on(norm, 1).moves(bag, before)
    made_of = moves.applied(bag)
    assert len(torch.unique(made_of, dim=0)) == len(moves)
    assert ((made_of != before)[:, :kept]).all()
    cost = on(norm, 1).distance(made_of.float(), bag.expand(len(moves), -1).float())
    assert moves.cost.tolist() == cost.tolist()
    gains = torch.randn(WIDTH, generator=generator)
    sums = ((made_of != bag) * gains).sum(1).sort().values
    for count in (1, 3, 1000):
        best = moves.best(gains, count)
        torch.testing.assert_close(((best.applied(bag) != bag) * gains).sum(1), sums[:count])


def test_pairs_tell_what_became_what() -> None:
    before = torch.tensor([True, False, False, False, True, False])  # cat, dog
    now = torch.tensor([False, False, False, True, False, True])  # bat, do
    assert on(Norm.CHARACTERS, 2).pairs(now, before) == [(0, 3), (4, 5)]
    now = torch.tensor([False, True, False, False, False, False])  # cut
    assert on(Norm.CHARACTERS, 2).pairs(now, before) == [(0, 1), (4, None)]
    assert on(Norm.TAGS, 2).pairs(now, before) == [(0, 1), (4, None)]
    with pytest.raises(ContractError, match="no single edits"):
        Threat(epsilon=0.1).pairs(now, before)


# --- what has words ---------------------------------------------------------------------------------------------------


def test_only_known_words_have_characters() -> None:
    known, unknown = Modality.text(WIDTH, tags=True, vocabulary=WORDS), Modality.text(WIDTH, tags=True)
    assert known == unknown
    assert known.edited == (Norm.TAGS, Norm.WORDS, Norm.CHARACTERS)
    assert unknown.edited == (Norm.TAGS, Norm.WORDS)
    assert Modality.image(8).edited == ()
    radius = Radius.edits(2, Norm.CHARACTERS)
    assert str(radius) == "characters 2"
    assert Threat.on(known, radius).vocabulary == WORDS
    with pytest.raises(CapabilityError, match="characters 2 is for texts of words of a known vocabulary"):
        Threat.on(unknown, radius)
    with pytest.raises(ContractError, match="no vocabulary"):
        Threat(epsilon=1, norm=Norm.CHARACTERS).project(EVERY, EVERY)


def test_texts_in_memory_tell_their_words() -> None:
    texts = ArrayTexts(EVERY, Modality.text(WIDTH, tags=True), WORDS)
    assert texts.modality.vocabulary == texts.vocabulary == texts.take([1, 2]).vocabulary == WORDS
    assert ArrayTexts(EVERY, Modality.text(WIDTH, tags=True)).vocabulary is None


@pytest.mark.parametrize("text", ["3", "tags:3", "words:3", "characters:0"])
def test_edits_are_read_as_they_are_written(text: str) -> None:
    assert str(parse_edits(text)) == text


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("word:3", "'word'", "did you mean 'words'?"),
        ("linf:3", "'linf'", "write tags:3, words:3, characters:3"),
        ("words:", "no whole number", "write 3 or words:3"),
        ("3.5", "no whole number", "write 3 or words:3"),
        ("words:-1", "-1", "whole number"),
    ],
)
def test_what_is_no_number_of_edits_is_told(text: str, message: str, hint: str) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        parse_edits(text)
    assert hint in (raised.value.hint or "")


def test_edits_without_a_norm_are_the_usual_ones() -> None:
    norms = (Norm.TAGS, Norm.WORDS)
    assert str(Edits(count=3).among(norms)) == "tags 3"
    assert str(Edits(count=3, norm=Norm.WORDS).among(norms)) == "words 3"
    assert Edits(count=3, norm=Norm.CHARACTERS).among(norms) is None
    assert Edits(count=3).among(()) is None
    with pytest.raises(OptionError, match="not counted in linf"):
        Edits(count=3, norm=Norm.LINF)
