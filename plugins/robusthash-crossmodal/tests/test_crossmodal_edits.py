"""Edits of texts: exhaustive search agrees with brute force, and guided search comes near to it, in every norm."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor

from robusthash.adversary import find_aim
from robusthash.contracts import AttackBatch, AttackContext, Norm, Radius
from robusthash.hashing import hamming
from robusthash.testing import TextVictim, toy_batch, toy_context
from robusthash.testing.contracts.attacks.worlds import rows_of
from robusthash.testing.victims import TAGS
from robusthash_crossmodal.attacks.edits import Edits, TagEdits, Typos, WordEdits

ATTACKS: list[Edits] = [TagEdits(), WordEdits(), Typos()]
every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: type(attack).__name__)


def scene(attack: Edits, edits: int, *, size: int = 6) -> tuple[AttackBatch, AttackContext]:
    victim = TextVictim(box=TAGS)
    return toy_batch(victim, size=size), toy_context(victim, epsilon=Radius.edits(edits, attack.counted))


def distances(inputs: Tensor, batch: AttackBatch, context: AttackContext) -> Tensor:
    with torch.no_grad():
        logits = context.surrogate(batch.inputs)
        aim = find_aim(TagEdits().aim, batch, logits, context.surrogate.space, context.bank)
        return hamming(context.surrogate(inputs) >= 0, aim >= 0)


def neighbours(bag: Tensor, context: AttackContext) -> Tensor:
    """All bags of one word dropped, or none, and one added, or none, that the threat allows."""
    there, absent = bag.bool().nonzero().flatten().tolist(), (~bag.bool()).nonzero().flatten().tolist()
    found = []
    for drop, add in product([None, *there], [None, *absent]):
        one = bag.clone()
        for word, value in ((drop, 0.0), (add, 1.0)):
            if word is not None:
                one[word] = value
        found.append(one)
    bags = torch.stack(found)
    return bags[context.threat.contains(bags, bag.expand(len(bags), -1))]


@every_attack
def test_one_edit_is_the_best_of_all_single_edits(attack: Edits) -> None:
    batch, context = scene(attack, 1)
    found = distances(attack(batch, context).inputs, batch, context)
    for row in range(len(batch.ids)):
        bags = neighbours(batch.inputs[row], context)
        one = rows_of(batch, torch.tensor([row]))
        with torch.no_grad():
            aim = find_aim(attack.aim, one, context.surrogate(one.inputs), context.surrogate.space, context.bank)
            best = int(hamming(context.surrogate(bags) >= 0, aim.expand(len(bags), -1) >= 0).min())
        assert int(found[row]) == best


@pytest.mark.parametrize("attack", [TagEdits(), WordEdits()], ids=["tags", "words"])
def test_guided_edits_are_nearly_as_good_as_all_edits_and_far_better_than_random_ones(attack: Edits) -> None:
    batch, context = scene(attack, 1, size=24)
    guided = distances(replace(attack, exhaustive=0)(batch, context).inputs, batch, context).float().mean()
    best = distances(attack(batch, context).inputs, batch, context).float().mean()
    random = context.random.uniform(batch.ids, (batch.inputs.shape[1],))
    noise = distances(context.threat.point(random, batch.inputs), batch, context).float().mean()
    clean = distances(batch.inputs, batch, context).float().mean()
    assert best <= guided <= best + 0.25
    assert best < noise - 1
    assert clean - best > 2 * abs(clean - noise)


@every_attack
def test_more_edits_candidates_and_bags_bring_it_nearer(attack: Edits) -> None:
    reached = [distances(attack(*scene(attack, k)).inputs, *scene(attack, k)).float().mean() for k in (0, 1, 2, 4)]
    assert reached == sorted(reached, reverse=True)
    assert reached[0] > reached[-1] + 2
    poor, rich = (
        replace(attack, candidates=c, beam=b, exhaustive=0)(*scene(attack, 3)).inputs for c, b in ((1, 1), (128, 8))
    )
    assert distances(rich, *scene(attack, 3)).float().mean() < distances(poor, *scene(attack, 3)).float().mean()


def test_an_edit_that_costs_two_competes_with_those_that_cost_one() -> None:
    """Of a text of one word, two characters are all that can be typed: another word, or none."""
    batch, context = scene(Typos(), 2, size=8)
    words = batch.inputs.shape[1]
    inputs = torch.eye(words)[: len(batch.ids)]
    batch = replace(batch, inputs=inputs)
    found = distances(Typos()(batch, context).inputs, batch, context)
    bags = torch.cat([torch.eye(words), torch.zeros(1, words)])
    costs = set()
    for row in range(len(batch.ids)):
        near = bags[context.threat.contains(bags, inputs[row].expand(len(bags), -1))]
        costs |= set(context.threat.distance(near, inputs[row].expand(len(near), -1)).tolist())
        one = rows_of(batch, torch.tensor([row]))
        with torch.no_grad():
            aim = find_aim(Typos().aim, one, context.surrogate(one.inputs), context.surrogate.space, context.bank)
            best = int(hamming(context.surrogate(near) >= 0, aim.expand(len(near), -1) >= 0).min())
        assert int(found[row]) == best
    assert costs == {0, 1, 2}


@every_attack
def test_every_pass_is_counted(attack: Edits) -> None:
    batch, context = scene(attack, 2, size=1)
    passes = []
    context.surrogate.model.register_forward_hook(lambda _module, args, _output: passes.append(len(args[0])))
    attack(batch, context)
    assert context.surrogate.budget.forward == sum(passes) > 0


@every_attack
def test_a_text_without_words_and_one_with_all_of_them_are_edited_as_far_as_they_can_be(attack: Edits) -> None:
    batch, context = scene(attack, 2, size=2)
    inputs = torch.stack([torch.zeros_like(batch.inputs[0]), torch.ones_like(batch.inputs[0])])
    found = attack(replace(batch, inputs=inputs), context).inputs
    assert context.threat.contains(found, inputs).all()
    changed = (found != inputs).any(1).tolist()
    assert (
        changed == {Norm.TAGS: [True, True], Norm.WORDS: [False, False], Norm.CHARACTERS: [False, True]}[attack.counted]
    )
