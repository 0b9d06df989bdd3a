"""SDHA against its formula one pair and one bit at a time, finite differences, and at its edges."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robusthash.contracts import AttackContext, CodeBank
from robusthash.errors import CapabilityError, OptionError
from robusthash.testing import SmallVictim, toy_batch, toy_context
from robusthash_attacks.gradient import sdha
from robusthash_attacks.gradient.sdha import SDHA


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def by_hand(logits: list[float], items: list[list[int]], *, targeted: bool, slope: float) -> float:
    """The released formula, item by item, but for the weight at distance 0."""
    sigma, z, bits = (10, -0.3, len(logits)) if targeted else (5, 0.5, len(logits))
    relaxed = [math.tanh(slope * f) for f in logits]
    terms = []
    for item in items:
        away = sum((q < 0) != (r < 0) for q, r in zip(relaxed, item, strict=True))
        if targeted:
            pairs = (0.5 * abs(q - r) * logistic(-sigma * q * r) for q, r in zip(relaxed, item, strict=True))
        else:
            pairs = (
                0.5 * abs(q - r) * logistic(sigma * q * r) + 1 - logistic(sigma * q * r)
                for q, r in zip(relaxed, item, strict=True)
            )
        terms.append(sum(pairs) * math.pow(max(away, 1), -z))
    return (1 if targeted else -1) * 25 / bits * sum(terms) / len(terms)


def context_of(codes: Tensor, labels: Tensor) -> AttackContext:
    return replace(toy_context(SmallVictim()), bank=CodeBank(codes=codes, labels=labels))


CODES = torch.tensor([[1, -1, 1], [-1, -1, 1], [1, 1, 1], [-1, 1, -1]], dtype=torch.int8)
LABELS = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=torch.uint8)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("progress", "slope"), [(0.0, 0.1), (0.95, 1.0)])
@pytest.mark.parametrize(("chunk", "part", "parts"), [(1, 100, 1), (3, 100, 1), (100, 100, 1), (1, 0, 2), (100, 0, 2)])
def test_loss_is_its_formula(
    targeted: bool, progress: float, slope: float, chunk: int, part: int, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first and the last query are related to the first two items, one of them the first's own code; the second to
    two and three. They are weighed together, and by their labels."""
    monkeypatch.setattr(sdha, "_CHUNK", chunk)
    monkeypatch.setattr(sdha, "_PART", part)
    attack = SDHA(targeted=targeted, scale=None)
    wanted = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.uint8)
    batch = toy_batch(SmallVictim(), size=3)
    batch = replace(batch, labels=wanted, targets=wanted)
    assert len(sdha._parts(wanted, CodeBank(codes=CODES, labels=LABELS))[0]) == parts
    logits = torch.tensor([[0.4, -2.0, 3.0], [-1.0, 0.0, -0.3], [-0.2, 1.0, 0.7]], dtype=torch.float64)
    weigh = attack._weigher(batch, context_of(CODES, LABELS))
    expected = [
        by_hand(row, CODES[items].tolist(), targeted=targeted, slope=slope)
        for row, items in zip(logits.tolist(), ([0, 1], [1, 2], [0, 1]), strict=True)
    ]
    torch.testing.assert_close(attack.loss(logits, progress, weigh), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("progress", [0.0, 0.95])
def test_gradient_agrees_with_finite_differences(targeted: bool, progress: float) -> None:
    attack = SDHA(targeted=targeted, scale=None)
    batch = toy_batch(SmallVictim(), size=4)
    context = toy_context(SmallVictim(bits=8))
    weigh = attack._weigher(batch, context)
    logits = torch.randn(4, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    leaf = logits.clone().requires_grad_()
    (found,) = torch.autograd.grad(attack.loss(leaf, progress, weigh).sum(), leaf)
    for bit in range(8):
        shift = torch.zeros(8, dtype=torch.float64)
        shift[bit] = 1e-6
        high, low = (attack.loss(logits + way * shift, progress, weigh) for way in (1, -1))
        torch.testing.assert_close(found[:, bit], (high - low) / 2e-6, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("part", [0, 100])
def test_a_query_related_to_nothing_flees_its_own_code(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdha, "_PART", part)
    victim = SmallVictim()
    batch = toy_batch(victim, size=3)
    assert batch.labels is not None
    lonely = replace(batch, labels=torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=torch.uint8))
    context = toy_context(victim)
    assert context.bank is not None
    own = victim.codes(batch.inputs)
    mine = replace(context, bank=CodeBank(codes=own, labels=torch.eye(4, dtype=torch.uint8)[:3]))
    attack = SDHA(scale=1.0)
    logits = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    found = attack.loss(logits, 0.95, attack._weigher(lonely, mine))
    expected = [by_hand(logits[row].tolist(), own[[row and 0]].tolist(), targeted=False, slope=1) for row in (0, 1)]
    torch.testing.assert_close(found[:2], torch.tensor(expected))
    expected_third = by_hand(logits[2].tolist(), own[[2]].tolist(), targeted=False, slope=1)
    assert float(found[2]) == pytest.approx(expected_third, rel=1e-5)


def test_a_target_that_the_bank_does_not_have_is_an_error() -> None:
    victim = SmallVictim()
    batch = toy_batch(victim, size=2)
    context = replace(toy_context(victim), bank=CodeBank(codes=torch.ones(1, 16), labels=torch.zeros(1, 4)))
    with pytest.raises(CapabilityError, match="query 100"):
        SDHA(targeted=True, steps=1)(batch, context)


def test_a_code_at_distance_zero_has_a_finite_weight() -> None:
    weigh = SDHA()._weigher(
        replace(toy_batch(SmallVictim(), size=1), labels=LABELS[3:]), context_of(CODES[3:], LABELS[3:])
    )
    total, pulled = weigh(CODES[3:].float())
    assert total.tolist() == [1.0]
    assert torch.equal(pulled, CODES[3:].float())


@pytest.mark.parametrize("options", [{"steps": 0}, {"step_size": 0.0}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        SDHA(**options)  # type: ignore[arg-type]  # the names are its fields
