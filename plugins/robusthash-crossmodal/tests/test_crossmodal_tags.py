"""Edits of tags: exhaustive search agrees with brute force, and guided search comes near to it."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from torch import Tensor

from robusthash.adversary import find_aim
from robusthash.contracts import AttackBatch, AttackContext, Norm, Radius
from robusthash.hashing import hamming
from robusthash.testing import TextVictim, toy_batch, toy_context
from robusthash.testing.contracts.attacks.worlds import rows_of
from robusthash.testing.victims import TAGS
from robusthash_crossmodal.attacks.moves import best_moves, every_move
from robusthash_crossmodal.attacks.tags import TagEdits


def scene(edits: int, *, size: int = 6) -> tuple[AttackBatch, AttackContext]:
    victim = TextVictim(box=TAGS)
    return toy_batch(victim, size=size), toy_context(victim, epsilon=Radius.edits(edits, Norm.TAGS))


def distances(inputs: Tensor, batch: AttackBatch, context: AttackContext) -> Tensor:
    with torch.no_grad():
        logits = context.surrogate(batch.inputs)
        aim = find_aim(TagEdits().aim, batch, logits, context.surrogate.space, context.bank)
        return hamming(context.surrogate(inputs) >= 0, aim >= 0)


def neighbours(bag: Tensor, edits: int) -> Tensor:
    """All bags within so many edits: every set of added tags with every set of dropped ones."""
    there, absent = bag.bool().nonzero().flatten().tolist(), (~bag.bool()).nonzero().flatten().tolist()
    found = []
    for drops in (some for k in range(edits + 1) for some in combinations(there, k)):
        for adds in (some for k in range(edits + 1) for some in combinations(absent, k)):
            one = bag.clone()
            one[list(drops)], one[list(adds)] = 0.0, 1.0
            found.append(one)
    return torch.stack(found)


def test_one_edit_is_the_best_of_all_single_edits() -> None:
    batch, context = scene(1)
    found = distances(TagEdits()(batch, context).inputs, batch, context)
    for row in range(len(batch.ids)):
        bags = neighbours(batch.inputs[row], 1)
        one = rows_of(batch, torch.tensor([row]))
        with torch.no_grad():
            aim = find_aim(TagEdits().aim, one, context.surrogate(one.inputs), context.surrogate.space, context.bank)
            best = int(hamming(context.surrogate(bags) >= 0, aim.expand(len(bags), -1) >= 0).min())
        assert int(found[row]) == best


def test_guided_edits_are_nearly_as_good_as_all_edits_and_far_better_than_random_ones() -> None:
    batch, context = scene(1, size=24)
    guided = distances(TagEdits(exhaustive=0)(batch, context).inputs, batch, context).float().mean()
    best = distances(TagEdits()(batch, context).inputs, batch, context).float().mean()
    random = context.random.uniform(batch.ids, (batch.inputs.shape[1],))
    noise = distances(context.threat.point(random, batch.inputs), batch, context).float().mean()
    clean = distances(batch.inputs, batch, context).float().mean()
    assert best <= guided <= best + 0.25
    assert best < noise - 1
    assert clean - best > 2 * abs(clean - noise)


def test_more_edits_candidates_and_bags_bring_it_nearer() -> None:
    reached = [distances(TagEdits()(*scene(k)).inputs, *scene(k)).float().mean() for k in (0, 1, 2, 4)]
    assert reached == sorted(reached, reverse=True)
    assert reached[0] > reached[-1] + 2
    poor, rich = (TagEdits(candidates=c, beam=b, exhaustive=0)(*scene(3)).inputs for c, b in ((1, 1), (128, 8)))
    assert distances(rich, *scene(3)).float().mean() < distances(poor, *scene(3)).float().mean()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_promising_moves_are_the_best_sums(kept: int) -> None:
    generator = torch.Generator().manual_seed(kept)
    before = torch.rand(9, generator=generator) < 0.5
    bag = before.clone()
    bag[:kept] = ~bag[:kept]  # edited before, and not to be undone
    gains = torch.randn(9, generator=generator)
    every = every_move(bag, before)
    bags = every.applied(bag)
    assert len(torch.unique(bags, dim=0)) == every.count
    assert ((bags != before)[:, :kept]).all()
    assert ((bags & ~bag).sum(1) <= 1).all()
    assert ((bag & ~bags).sum(1) <= 1).all()
    sums = ((bags != bag) * gains).sum(1).sort().values
    for count in (1, 3, every.count, 1000):
        best = best_moves(bag, before, gains, count)
        assert best.count == min(count, every.count)
        torch.testing.assert_close((((best.applied(bag)) != bag) * gains).sum(1), sums[: best.count])


def test_a_text_without_tags_and_one_with_all_of_them_are_edited() -> None:
    batch, context = scene(2, size=2)
    inputs = torch.stack([torch.zeros_like(batch.inputs[0]), torch.ones_like(batch.inputs[0])])
    found = TagEdits()(replace(batch, inputs=inputs), context).inputs
    assert (context.threat.distance(found, inputs) > 0).all()
    assert context.threat.contains(found, inputs).all()
