"""Whom a query is moved towards: the order of its rivals by hand, and that the attack gets there."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.contracts import CodeBank
from robusthash.errors import CapabilityError, OptionError
from robusthash.testing import SmallVictim, toy_batch, toy_context
from robusthash_attacks.gradient.rival import Rival, rivals

#: Three classes with one code each, and a fourth one without items.
CODES = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [-1, -1, -1, -1]], dtype=torch.int8)
BANK = CodeBank(codes=CODES, labels=torch.eye(3, 4, dtype=torch.uint8))
NEAR_FIRST = torch.tensor([[0.9, 0.9, 0.6, 0.6]])


def rival_of(labels: list[int], rank: int, bank: CodeBank = BANK) -> list[float]:
    found: Tensor = rivals(NEAR_FIRST, torch.tensor([labels]).float(), bank, rank=rank)
    return found[0].tolist()


def test_the_nearest_other_class_comes_first_and_the_last_is_followed_by_the_first() -> None:
    order = [rival_of([1, 0, 0, 0], rank) for rank in range(4)]
    assert order == [[1, 1, -1, -1], [-1, -1, -1, -1]] * 2
    assert rival_of([0, 1, 0, 0], 0) == [1, 1, 1, 1]


def test_a_class_that_is_half_the_querys_own_comes_after_one_that_is_not() -> None:
    """Its items are relevant to the query, however near its code."""
    near, far = CODES[1:2], CODES[2:]
    labels = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=torch.uint8)
    bank = CodeBank(codes=torch.cat([CODES[:1], near, near, far]), labels=labels)
    assert [rival_of([1, 0, 0, 0], rank, bank)[0] for rank in range(2)] == [-1, 1]


def test_a_query_that_shares_a_label_with_all_items_has_no_rival_and_keeps_its_start() -> None:
    assert rival_of([1, 1, 1, 0], 0) == [0, 0, 0, 0]
    victim = SmallVictim()
    context, batch = toy_context(victim), toy_batch(victim, size=2)
    assert batch.labels is not None
    batch = replace(batch, labels=torch.ones_like(batch.labels))
    delivered = Rival(steps=3, start="zero")(batch, context)
    assert torch.equal(delivered.inputs, batch.inputs)


@pytest.mark.parametrize("options", [{}, {"rank": 1}, {"scale": 5.0}])
def test_it_lowers_the_average_precision(options: dict[str, float]) -> None:
    victim = SmallVictim()
    context, batch = toy_context(victim), toy_batch(victim, size=6)
    attack = Rival(steps=20, **options)  # type: ignore[arg-type]
    objective = attack.objective(batch, context)
    before = objective.distance(victim(batch.inputs))
    after = objective.distance(victim(attack(batch, context).inputs))
    assert after.mean() < before.mean()
    assert (after >= 0).all()


def test_every_try_turns_to_the_next_rival() -> None:
    victim = SmallVictim()
    context, batch = toy_context(victim), toy_batch(victim, size=4)

    def aim(rank: int, restart: int) -> Tensor:
        objective = Rival(rank=rank).objective(batch, replace(context, restart=restart))
        found: Tensor = objective.rival  # type: ignore[attr-defined]
        return found

    assert torch.equal(aim(1, 0), aim(0, 1))
    assert not torch.equal(aim(0, 0), aim(0, 1))


def test_rivals_are_those_of_where_the_query_starts() -> None:
    victim = SmallVictim()
    context, batch = toy_context(victim), toy_batch(victim, size=4)
    moved = replace(batch, start=batch.inputs.flip(0))
    objectives = [Rival(start="best").objective(one, context) for one in (batch, moved)]
    first, second = (one.rival for one in objectives)  # type: ignore[attr-defined]
    assert not torch.equal(first, second)


def test_without_labels_or_a_code_bank_it_says_what_is_missing() -> None:
    victim = SmallVictim()
    with pytest.raises(CapabilityError, match="code bank"):
        Rival().objective(toy_batch(victim, size=2), replace(toy_context(victim), bank=None))


@pytest.mark.parametrize("options", [{"rank": -1}, {"items": 0}, {"scale": 0.0}])
def test_options_are_in_range(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        Rival(**options)  # type: ignore[arg-type]
