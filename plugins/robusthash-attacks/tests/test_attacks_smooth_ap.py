"""Smooth-AP against its definition one pair at a time, and the attack that descends it."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.contracts import AttackContext, CodeBank
from robusthash.errors import CapabilityError, OptionError
from robusthash.hashing import sign
from robusthash.metrics import map as mean_average_precision
from robusthash.testing import SmallVictim, toy_batch, toy_context
from robusthash_attacks.gradient import ranked
from robusthash_attacks.gradient.ranked import Items, average_precision, smooth_average_precision, value_and_slope
from robusthash_attacks.gradient.smooth_ap import SmoothAP

BITS, ITEMS = 8, 40
SEED = torch.Generator().manual_seed(0)
CODES = torch.where(torch.rand(ITEMS, BITS, generator=SEED) < 0.5, -1, 1).to(torch.int8)
LABELS = torch.eye(3, dtype=torch.uint8)[torch.arange(ITEMS) % 3]
LABELS[0, 1] = 1  # one item has two labels
BANK = CodeBank(codes=CODES, labels=LABELS)
WANTED = torch.eye(3)[:2]


def one_by_one(code: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Smooth-AP of one query as in its paper, one pair of items at a time, at the distances' exact values."""
    distances = (BITS - CODES.to(code) @ code) / 2
    relevant = ((LABELS.to(wanted) @ wanted) > 0).tolist()

    def before(item: int, *, among: bool) -> Tensor:
        others = [j for j in range(ITEMS) if relevant[j] is among and j != item]
        return torch.sigmoid((distances[item] - distances[others]) / temperature).sum()

    mine = [i for i in range(ITEMS) if relevant[i]]
    terms = [(1 + before(i, among=True)) / (1 + before(i, among=True) + before(i, among=False)) for i in mine]
    return torch.stack(terms).mean()


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_on_whole_distances_it_is_the_papers_definition(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranked, "_CHUNK", chunk)
    codes = torch.where(torch.rand(2, BITS, generator=SEED) < 0.5, -1.0, 1.0)
    value, _ = value_and_slope(Items.of(BANK), codes, WANTED, smooth_average_precision(0.7))
    expected = [one_by_one(code, wanted, 0.7) for code, wanted in zip(codes, WANTED, strict=True)]
    torch.testing.assert_close(value, torch.stack(expected))


def test_the_slope_is_that_of_the_histograms() -> None:
    codes = (torch.rand(2, BITS, generator=SEED) * 1.8 - 0.9).double()
    items, precision, small = Items.of(BANK), smooth_average_precision(1.0), 1e-3
    items = replace(items, codes=items.codes.double(), counts=items.counts.double())
    _, slope = value_and_slope(items, codes, WANTED, precision)
    assert (slope.abs().amax(1) == 1).all()
    rise = torch.empty_like(codes)
    for bit in range(BITS):
        step = torch.zeros(BITS, dtype=codes.dtype)
        step[bit] = small
        up, down = (precision(*items.histograms(codes + side * step, WANTED)) for side in (1, -1))
        rise[:, bit] = (up - down) / (2 * small)
    torch.testing.assert_close(slope, rise / rise.abs().amax(1, keepdim=True), atol=1e-2, rtol=0, check_dtype=False)


def test_small_temperatures_give_the_average_precision() -> None:
    codes = torch.where(torch.rand(2, BITS, generator=SEED) < 0.5, -1.0, 1.0)
    histograms = Items.of(BANK).histograms(codes, WANTED)
    torch.testing.assert_close(smooth_average_precision(1e-3)(*histograms), average_precision(*histograms))


def test_without_ties_it_is_the_metric_of_the_field() -> None:
    chain = torch.ones(BITS, BITS).tril(-1) * -2 + 1  # distances 0, 1, 2, ... to a code of ones
    labels = torch.eye(2)[torch.tensor([0, 1, 1, 0, 0, 1, 0, 1])]
    items = Items.of(CodeBank(codes=chain.to(torch.int8), labels=labels.to(torch.uint8)))
    found = average_precision(*items.histograms(torch.ones(2, BITS), torch.eye(2)))
    queries = torch.ones(2, BITS).numpy()
    told = mean_average_precision(queries, torch.eye(2).numpy(), chain.numpy(), labels.numpy())
    assert found.mean().item() == pytest.approx(told)


def test_alike_items_are_counted_together() -> None:
    twice = Items.of(CodeBank(codes=CODES.repeat(2, 1), labels=LABELS.repeat(2, 1)))
    assert len(twice.codes) == len(Items.of(BANK).codes)
    assert twice.counts.sum() == 2 * ITEMS


def test_far_from_every_irrelevant_item_a_slope_is_left() -> None:
    """A loss in float32 would end here: all comparisons round to 0 or 1."""
    codes = torch.tensor([[1.0] * BITS, [-1.0] * BITS])
    items = Items.of(CodeBank(codes=codes.to(torch.int8), labels=torch.eye(2, dtype=torch.uint8)))
    _, slope = value_and_slope(items, codes[:1], torch.eye(2)[:1], smooth_average_precision(0.1))
    assert (slope == 1).all()


def context_of(victim: SmallVictim, **changed: object) -> AttackContext:
    return replace(toy_context(victim), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("targeted", [False, True])
def test_it_moves_the_average_precision(targeted: bool) -> None:
    victim = SmallVictim()
    context, batch = context_of(victim), toy_batch(victim, size=6)
    attack = SmoothAP(targeted=targeted, steps=20)
    objective = attack.objective(batch, context)
    before = objective.distance(victim(batch.inputs))
    after = objective.distance(victim(attack(batch, context).inputs))
    assert after.mean() < before.mean()
    assert (after >= 0).all()


def test_the_items_of_a_try_are_its_own() -> None:
    victim = SmallVictim()
    context, batch, attack = context_of(victim), toy_batch(victim, size=2), SmoothAP(items=5)

    def drawn(restart: int) -> Tensor:
        items: Items = attack.objective(batch, replace(context, restart=restart)).items  # type: ignore[attr-defined]
        assert items.counts.sum() == 5
        return items.codes

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))


def test_a_query_without_relevant_items_is_finished_at_once() -> None:
    victim = SmallVictim()
    context, batch = context_of(victim), toy_batch(victim, size=2)
    assert batch.labels is not None
    batch = replace(batch, labels=torch.zeros_like(batch.labels))
    distance = SmoothAP().objective(batch, context).distance(sign(victim(batch.inputs)))
    assert distance.tolist() == [0, 0]


def test_without_a_code_bank_it_says_what_is_missing() -> None:
    victim = SmallVictim()
    with pytest.raises(CapabilityError, match="code bank"):
        SmoothAP().objective(toy_batch(victim, size=2), context_of(victim, bank=None))


@pytest.mark.parametrize("options", [{"items": 0}, {"temperature": 0.0}, {"temperature": float("inf")}, {"scale": 0.0}])
def test_options_are_positive(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        SmoothAP(**options)  # type: ignore[arg-type]
