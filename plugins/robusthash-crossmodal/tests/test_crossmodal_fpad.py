"""FPAD's attack: its loss by hand, and what it aims at."""

import math
from dataclasses import replace

import pytest
import torch

from robusthash.contracts import AttackBatch, AttackContext
from robusthash.errors import OptionError
from robusthash.testing import SmallVictim, toy_batch, toy_context, toy_learning
from robusthash_crossmodal.attacks.fpad import FPAD, contrast
from robusthash_crossmodal.attacks.specs import attacks


def test_the_loss_is_that_of_the_paper_worked_by_hand() -> None:
    """Four bits, four classes, labels 0 and 1; similarities are minus the Hamming distance of relaxed codes."""
    u = torch.tensor([[1.0, 0.5, -1.0, 0.0]])
    classes = torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, -1], [-1, -1, -1, -1], [-1, 1, -1, 1]])
    similarity = [-0.5 * (4 - dot) for dot in (0.5, 2.5, -0.5, 0.5)]  # <u, A_c> of each class
    t = 20.0
    p = math.exp(t * (similarity[2] + similarity[3]) / 2 / 4)
    own = math.exp(t * similarity[0] / 4) + math.exp(t * similarity[1] / 4)
    expected = -math.log(p / (p + own))
    found = contrast(u, classes[2:].mean(0, keepdim=True), classes[None, :2], t)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    padded = torch.cat([classes[None, :2], torch.zeros(1, 3, 4)], dim=1)
    assert torch.equal(contrast(u, classes[2:].mean(0, keepdim=True), padded, t), found)


def scene() -> tuple[AttackBatch, AttackContext, torch.Tensor]:
    """Three classes of which a query has two, one of which it has none, and one class without a prototype."""
    victim = SmallVictim(4)
    prototypes = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [-1, -1, 1, 1], [0, 0, 0, 0]], dtype=torch.int8)
    labels = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]], dtype=torch.uint8)
    batch = replace(toy_batch(victim, size=4), labels=labels)
    return batch, replace(toy_context(victim), fitted={"prototypes": prototypes}), prototypes.float()


def test_the_aim_has_the_other_classes_mean_and_the_own_prototypes() -> None:
    batch, context, prototypes = scene()
    logits = torch.tensor([[2.0, -3.0, 1.0, -1.0]]).repeat(4, 1)
    aim = FPAD().find_aim(batch, logits, context)
    assert aim.shape == (4, 2 + 2, 4)
    assert torch.equal(aim[0, 1], prototypes[2])
    assert torch.equal(aim[0, 2:], prototypes[:2])
    assert torch.equal(aim[1, 1], prototypes[:2].mean(0))
    assert torch.equal(aim[1, 2:], torch.stack([prototypes[2], torch.zeros(4)]))
    for unknown in (2, 3):  # without a label, and with one that no item has
        assert torch.equal(aim[unknown, 1], prototypes[:3].mean(0))
        assert torch.equal(aim[unknown, 2], torch.tensor([1.0, -1.0, 1.0, -1.0]))
    assert set(aim[:, 0].flatten().tolist()) == {-1.0, 1.0}


def test_the_code_to_reach_is_where_the_loss_of_one_label_is_least() -> None:
    batch, context, _ = scene()
    aim = FPAD().find_aim(batch, torch.zeros(4, 4), context)[1:2]
    every = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4)
    losses = contrast(every, *(part.expand(16, *part.shape[1:]) for part in (aim[:, 1], aim[:, 2:])), 20.0)
    best = every[losses <= losses.min() + 1e-6]
    assert (best == aim[0, 0]).all(1).any()


def test_an_unlabelled_query_is_attacked_too() -> None:
    batch, context, _ = scene()
    found = FPAD(steps=10)(batch, context).inputs
    assert (found != batch.inputs).flatten(1).any(1).all()


def test_prototypes_are_learnt_from_the_code_bank() -> None:
    learning = toy_learning(SmallVictim())
    learnt = FPAD().fit(learning)["prototypes"]
    own = learning.bank.labels.bool().T
    means = torch.stack([learning.bank.codes[rows].float().mean(0) for rows in own])
    assert learnt.shape == means.shape
    assert ((learnt == means.sign()) | (means.abs() < 0.5)).all()


def test_another_aim_is_refused() -> None:
    with pytest.raises(OptionError, match="no aim but 'centre'"):
        FPAD(aim="away")  # type: ignore[arg-type]


def test_its_slope_is_annealed_or_fixed() -> None:
    """As released, tanh has a slope of 1; a slope multiplies the logits."""
    generator = torch.Generator().manual_seed(0)
    logits, aim = torch.randn(3, 4, generator=generator), torch.randn(3, 4, 4, generator=generator).sign()
    fixed = FPAD(scale=0.5).loss(logits, aim, 0.0)
    torch.testing.assert_close(fixed, FPAD(scale=1.0).loss(0.5 * logits, aim, 0.0))
    torch.testing.assert_close(fixed, FPAD(scale=None).loss(logits, aim, 0.75))
    assert {spec.name: spec.options.get("scale") for spec in attacks() if spec.name == "fpad/released"} == {
        "fpad/released": 1.0
    }
    with pytest.raises(OptionError, match="scale"):
        FPAD(scale=0.0)
