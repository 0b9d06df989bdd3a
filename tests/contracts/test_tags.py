"""Threats that count tags: the nearest bag within k edits, and the edit distance of bags, against definitions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import arrays
from torch import Tensor

from robusthash.contracts import (
    ArrayTexts,
    Attack,
    AttackBatch,
    AttackContext,
    Box,
    Modality,
    Norm,
    Radius,
    Threat,
)
from robusthash.errors import CapabilityError, DatasetError, OptionError
from robusthash.specs import AttackSpec, Goal
from robusthash.testing import TextVictim, toy_batch, toy_context

WIDTH = 6
BOXES = [Box(levels=1), Box(), Box(low=-1.0, high=3.0)]
EVERY = torch.tensor(list(product([0.0, 1.0], repeat=WIDTH)))  #: all bags

boxes = st.sampled_from(BOXES)
bags = arrays("uint8", (WIDTH,), elements=st.integers(0, 1)).map(lambda a: torch.from_numpy(a).float())
anything = arrays("float32", (WIDTH,), elements=st.floats(-1, 2, width=32)).map(torch.from_numpy)


def on(box: Box, edits: int) -> Threat:
    return Threat(epsilon=edits, box=box, norm=Norm.TAGS)


def placed(box: Box, unit: Tensor) -> Tensor:
    return box.low + unit * box.width


def edits_between(one: Tensor, other: Tensor) -> int:
    """The fewest edits, found by making them: add, drop, or swap."""
    reached, steps = {tuple(one.tolist())}, 0
    while tuple(other.tolist()) not in reached:
        steps += 1
        reached |= {made for bag in reached for made in edited(bag)}
    return steps


def edited(bag: tuple[float, ...]) -> set[tuple[float, ...]]:
    there, absent = [i for i, tag in enumerate(bag) if tag], [i for i, tag in enumerate(bag) if not tag]
    found = set()
    for drop, add in product([None, *there], [None, *absent]):
        made = list(bag)
        for tag, value in ((drop, 0.0), (add, 1.0)):
            if tag is not None:
                made[tag] = value
        found.add(tuple(made))
    return found


@given(boxes, bags, bags)
def test_the_distance_is_the_fewest_edits(box: Box, one: Tensor, other: Tensor) -> None:
    inputs, clean = placed(box, one)[None], placed(box, other)[None]
    assert on(box, 0).distance(inputs, clean).tolist() == [edits_between(other, one)]


@given(boxes, bags, anything, st.integers(0, WIDTH + 1))
def test_the_projection_is_a_nearest_bag_within_the_edits(box: Box, clean: Tensor, unit: Tensor, k: int) -> None:
    threat, centre, inputs = on(box, k), placed(box, clean)[None], placed(box, unit)[None]
    found = threat.project(inputs, centre)
    assert threat.contains(found, centre).all()
    assert torch.equal(threat.project(found, centre), found)
    within = EVERY[on(Box(), k).distance(EVERY, clean.expand(len(EVERY), -1)) <= k]
    # Of a fraction, what is nearer counts; beyond the box, all of a tag.
    distances = (unit.clamp(0, 1) - within).square().sum(1)
    own = (unit.clamp(0, 1) - (found[0] - box.low) / box.width).square().sum()
    torch.testing.assert_close(own, distances.min(), atol=1e-4, rtol=1e-4)


@given(boxes, bags, anything)
def test_fractions_of_tags_are_no_edits(box: Box, clean: Tensor, unit: Tensor) -> None:
    """What changes no tag by half is nothing that anybody could type: 0.05 of every tag of the vocabulary."""
    centre = placed(box, clean)[None]
    shift = (unit.clamp(0, 1) - 0.5) * 0.1
    assert torch.equal(on(box, WIDTH).project(centre + shift * box.width, centre), centre)
    assert on(box, WIDTH).distance(box.clamp(centre + shift * box.width), centre).tolist() == [0]


def test_the_largest_changes_are_kept_and_the_first_of_equal_ones() -> None:
    clean = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    inputs = torch.tensor([[0.1, 0.4, 0.1, 0.9, 0.6, 0.9]])
    assert on(Box(), 1).project(inputs, clean).tolist() == [[0.0, 1.0, 1.0, 1.0, 0.0, 0.0]]
    assert on(Box(), 2).project(inputs, clean).tolist() == [[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]]


@given(boxes, bags, st.integers(0, WIDTH), st.integers(0, 9))
def test_random_points_swap_as_many_tags_as_there_may_be(box: Box, clean: Tensor, k: int, seed: int) -> None:
    threat, centre = on(box, k), placed(box, clean)[None]
    found = threat.point(torch.rand(1, WIDTH, generator=torch.Generator().manual_seed(seed)), centre)
    there = int(clean.sum())
    assert threat.contains(found, centre).all()
    assert int((found < centre).sum()) == min(k, there)
    assert int((found > centre).sum()) == min(k, WIDTH - there)


def test_every_tag_is_swapped_as_often() -> None:
    clean = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]).repeat(6000, 1)
    uniform = torch.rand(clean.shape, generator=torch.Generator().manual_seed(0))
    changed = (on(Box(), 1).point(uniform, clean) != clean).float().mean(0)
    torch.testing.assert_close(changed, torch.full((6,), 1 / 3), atol=0.03, rtol=0)


def test_contains_sees_a_fraction_and_one_edit_too_many() -> None:
    clean = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    rows = torch.tensor([[0.0, 1, 1, 0], [0, 0, 1, 0], [1, 1, 0, 0.5], [1, 1, 0, 1]])
    assert on(Box(), 1).contains(rows, clean.expand(4, -1)).tolist() == [True, False, False, True]


def test_only_texts_of_tags_are_edited() -> None:
    radius = Radius.edits(3, Norm.TAGS)
    for modality in (Modality.text(4, tags=True), Modality.text(4, levels=1)):
        threat = Threat.on(modality, radius)
        assert (threat.epsilon, threat.norm, threat.radius) == (3, Norm.TAGS, 1.0)
    for modality in (Modality.image(8), Modality.text(4)):
        with pytest.raises(CapabilityError, match="tags 3 is for texts of tags"):
            Threat.on(modality, radius)


def test_what_is_edited_is_of_the_data_and_not_of_the_model() -> None:
    """A model that was trained on tags takes the same inputs as one of a checkpoint, which does not tell."""
    assert Modality.text(4, tags=True) == Modality.text(4)
    assert str(Modality.text(4, tags=True)) == str(Modality.text(4))


def test_tags_are_there_or_not() -> None:
    half = torch.tensor([[0.0, 0.5, 1.0]])
    ArrayTexts(half)
    with pytest.raises(DatasetError, match="values between 0, an absent tag, and 1"):
        ArrayTexts(half, Modality.text(3, tags=True))


@pytest.mark.parametrize("size", [-1.0, 1.5, float("inf"), float("nan")])
def test_edits_are_counted_in_whole_numbers(size: float) -> None:
    with pytest.raises(OptionError, match="whole number"):
        Radius(size=size, norm=Norm.TAGS)


def test_a_spec_without_norms_is_refused() -> None:
    from robusthash.errors import SpecError

    with pytest.raises(SpecError, match="norms"):
        AttackSpec(name="x", factory="a:B", summary="x", goals=frozenset({Goal.UNTARGETED}), norms=frozenset())


# --- the guard --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Attempt(Attack):
    """Does what a test wants."""

    deed: Callable[[Tensor], Tensor]
    free: bool = False

    @property
    def norms(self) -> frozenset[Norm]:
        return frozenset({Norm.TAGS})

    @property
    def bounded(self) -> bool:
        return not self.free

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return self.deed(batch.inputs)


def scene() -> tuple[AttackBatch, AttackContext]:
    victim = TextVictim(box=Box(levels=1))
    return toy_batch(victim, size=5), toy_context(victim, epsilon=Radius.edits(2, Norm.TAGS))


def test_the_guard_keeps_an_attack_to_its_edits_and_counts_what_it_undid() -> None:
    batch, context = scene()
    result = Attempt(deed=lambda clean: 1 - clean)(batch, context)
    assert context.threat.distance(result.inputs, batch.inputs).tolist() == [2.0] * 5
    kept = (result.inputs != batch.inputs).float().mean(1)
    torch.testing.assert_close(result.clipped, 1 - kept)


def test_the_guard_delivers_no_fraction() -> None:
    batch, context = scene()
    result = Attempt(deed=lambda clean: clean * 0.7)(batch, context)
    assert torch.equal(result.inputs, batch.inputs)
    torch.testing.assert_close(result.clipped, batch.inputs.mean(1))


def test_an_unbounded_attack_is_held_to_the_box_alone() -> None:
    batch, context = scene()
    result = Attempt(deed=lambda clean: 1 - clean, free=True)(batch, context)
    assert torch.equal(result.inputs, 1 - batch.inputs)
    assert not result.clipped.any()
    still = Attempt(deed=lambda clean: clean)(batch, replace(context, threat=replace(context.threat, epsilon=0)))
    assert torch.equal(still.inputs, batch.inputs)
