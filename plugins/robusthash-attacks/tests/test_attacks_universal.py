"""Universal patterns: what they are learnt from, what they reach, and where they are put."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim
from robusthash.contracts import (
    IMAGE,
    ArrayImages,
    AttackBatch,
    CodeBank,
    HashModel,
    LearningContext,
    Randomness,
    Snapshots,
    Surrogate,
)
from robusthash.errors import CapabilityError, OptionError, TrainingError
from robusthash.testing import DescriptorVictim, LinearVictim, SmallVictim, toy_batch, toy_context, toy_learning
from robusthash_attacks.learnt.examples import Examples
from robusthash_attacks.learnt.losses import LOSSES, hinge, triplet
from robusthash_attacks.learnt.patch import Patch
from robusthash_attacks.learnt.targets import TargetCodes
from robusthash_attacks.learnt.uap import UAP
from robusthash_attacks.learnt.universal import Universal

KINDS: list[Universal] = [UAP(), UAP(aim=Aim.TO_CENTRE), Patch(), Patch(aim=Aim.TO_MAINSTAY)]


class Watched(ArrayImages):
    """Images that note which of them are read."""

    def __init__(self, images: Tensor, read: list[list[int]]) -> None:
        super().__init__(images)
        self._read = read

    def read(self, indices: Sequence[int]) -> Tensor:
        self._read.append(list(indices))
        return super().read(indices)


class Broken(SmallVictim):
    """Knows its own images, and nothing else."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) * torch.nan


def fitted(attack: Universal, context: LearningContext) -> dict[str, Tensor]:
    learnt = attack.learn(context)
    assert learnt is not None
    return dict(learnt)


def relabelled(context: LearningContext, labels: Tensor) -> LearningContext:
    """A train split with other labels."""
    return replace(
        context, train=replace(context.train, labels=labels), bank=replace(context.bank, labels=labels.clone())
    )


def test_the_hinge_counts_bits_that_are_not_a_margin_beyond() -> None:
    outputs = torch.tensor([[2.0, 0.5, -1.0, -3.0]])
    aim = torch.tensor([[1.0, 1.0, 1.0, -1.0]])
    assert hinge(outputs, aim, -aim).tolist() == [(0 + 0.5 + 2 + 0) / 4]


def test_the_triplet_compares_unit_vectors() -> None:
    own = torch.tensor([[3.0, 4.0]])
    assert triplet(torch.tensor([[8.0, -6.0]]), -own, own).item() == pytest.approx(0.8)  # as far from both
    assert triplet(own, -own, own).item() == pytest.approx(2.8)
    assert triplet(-2 * own, -own, own).item() == 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_the_gradient_of_its_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    outputs, aim, own = torch.randn(3, 2, 6, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, aim.sign(), own.sign()), outputs.requires_grad_())


def test_steps_and_validation_share_no_item_and_neither_sees_a_query() -> None:
    read: list[list[int]] = []
    victim = SmallVictim()
    context = toy_learning(victim)
    images = context.train.images.read(range(len(context.train)))
    watched = replace(context, train=replace(context.train, views={IMAGE: Watched(images, read)}))
    learnt, validating = Examples.split(context)
    assert set(learnt.rows) | set(validating.rows) == set(range(40))
    assert not set(learnt.rows) & set(validating.rows)
    fitted(UAP(steps=10, batch=8), watched)
    steps, validation = read[:-1], read[-1]
    assert len(steps) == 10
    assert set(validation) == set(validating.rows.tolist())
    assert not {row for batch in steps for row in batch} & set(validation)
    assert len({tuple(batch) for batch in steps}) == 10


def test_a_target_is_not_learnt_from_items_that_have_it() -> None:
    context = toy_learning(SmallVictim())
    label = context.bank.labels[2]
    for part in Examples.split(context, without=label):
        assert len(part.rows)
        assert not (context.bank.labels[part.rows] & label).any()


@pytest.mark.parametrize("attack", KINDS, ids=lambda attack: f"{type(attack).__name__} {attack.aim}")
def test_killed_it_resumes_to_the_same_bytes(attack: Universal, tmp_path: Path) -> None:
    attack = replace(attack, steps=12)
    context = toy_learning(SmallVictim())
    whole = fitted(attack, context)

    def kill(done: int, _total: int, _what: str) -> None:
        if done == 11:
            raise KeyboardInterrupt

    partial = replace(context, snapshots=Snapshots(tmp_path / "partial", "it", seconds=0.0))
    with pytest.raises(KeyboardInterrupt):
        attack.fit(replace(partial, progress=kill))
    resumed = fitted(attack, partial)
    assert resumed.keys() == whole.keys()
    assert [name for name in whole if not torch.equal(resumed[name], whole[name])] == []


def test_divergence_is_told() -> None:
    context = toy_learning(SmallVictim())
    broken = Broken().eval().requires_grad_(requires_grad=False)
    with pytest.raises(TrainingError, match="diverged: the loss 'loss' is nan at step 1"):
        UAP().learn(replace(context, surrogate=Surrogate(broken, context.surrogate.budget)))


def test_on_a_linear_victim_every_pixel_is_pushed_to_the_aim() -> None:
    """The bits share no pixels, so one perturbation is the best for all images: a sign for each pixel."""
    victim = LinearVictim()
    context = toy_learning(victim)
    learnt = fitted(UAP(aim=Aim.TO_CENTRE, loss="hinge"), context)
    codes = TargetCodes.of(learnt)
    owner = victim.weight.abs().argmax(0)
    best = (codes.codes[:, owner] * victim.weight.sum(0)).sign()
    assert torch.equal(learnt["patterns"].flatten(1).sign(), best)
    assert learnt["patterns"].abs().max() <= context.threat.radius


def test_on_descriptors_it_turns_them_further_than_noise() -> None:
    victim = DescriptorVictim()
    context, batch = toy_context(victim), toy_batch(victim)
    attacked = UAP()(batch, replace(context, fitted=fitted(UAP(), toy_learning(victim)))).inputs
    noisy = context.threat.point(Randomness(seed=3, purpose="n").uniform(batch.ids, (3, 16, 16)), batch.inputs)
    clean = victim.represent(batch.inputs)
    near, far = (torch.cosine_similarity(clean, victim.represent(one)).mean() for one in (noisy, attacked))
    assert far < near - 0.1


def test_each_target_gets_its_own_pattern() -> None:
    victim = SmallVictim()
    attack = UAP(aim=Aim.TO_CENTRE, steps=5)
    learnt = fitted(attack, toy_learning(victim))
    batch, context = toy_batch(victim), replace(toy_context(victim, epsilon=1.0), fitted=learnt)
    assert batch.targets is not None
    grey = replace(batch, inputs=torch.full_like(batch.inputs, 128 / 255))
    moved = attack.perturb(grey, context) - grey.inputs
    for target, delta in zip(batch.targets, moved, strict=True):
        (index,) = (learnt["target labels"] == target).all(1).nonzero().flatten().tolist()
        assert torch.allclose(delta, learnt["patterns"][index], atol=1e-6)


def test_an_unknown_target_gets_the_pattern_of_the_nearest_code() -> None:
    """Two labels together are nearest to one of them: which one is decided by their codes."""
    victim = SmallVictim()
    context, batch = toy_context(victim), toy_batch(victim)
    known = TargetCodes.most_frequent(Aim.TO_CENTRE, toy_learning(victim), 2)
    assert known.labels.shape == (2, 4)
    targets = torch.tensor([[1, 1, 1, 1]], dtype=torch.uint8).expand(len(batch.ids), 4)
    both = replace(batch, targets=targets)
    chosen = known.nearest(Aim.TO_CENTRE, both, context)
    assert context.bank is not None
    wanted = TargetCodes.most_frequent(Aim.TO_CENTRE, relabelled_to(victim, targets[0]), 1).codes[0]
    assert (chosen == (known.codes @ wanted).argmax()).all()


def relabelled_to(victim: HashModel, label: Tensor) -> LearningContext:
    """A train split in which three items in four have a label that no two others share."""
    context = toy_learning(victim)
    labels = context.bank.labels.clone()
    labels[:2] = 0
    labels[2:] = label
    return relabelled(context, labels)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([[1, 0]] * 38 + [[0, 1]] * 2, [[1, 0], [0, 1]]),
        ([[1, 0]] * 39 + [[0, 1]], [[0, 1]]),  # one item cannot be learnt from and validate
        ([[1, 0]] * 20 + [[1, 1]] * 20, []),  # who has the second label has the first
        ([[1, 0]] * 40, []),
        ([[0, 0]] * 40, []),
        ([[0, 0]] * 30 + [[0, 1]] * 10, [[0, 1]]),
    ],
)
def test_targets_are_labels_that_some_have_and_others_lack(labels: list[list[int]], found: list[list[int]]) -> None:
    context = relabelled(toy_learning(SmallVictim()), torch.tensor(labels, dtype=torch.uint8))
    attack = UAP(aim=Aim.TO_CENTRE, steps=2, batch=4)
    if not found:
        with pytest.raises(CapabilityError, match="no label that some items have"):
            attack.learn(context)
    else:
        assert fitted(attack, context)["target labels"].tolist() == found


def test_one_item_is_too_few() -> None:
    context = toy_learning(SmallVictim())
    one = CodeBank(codes=context.bank.codes[:1], labels=context.bank.labels[:1])
    with pytest.raises(CapabilityError, match="at least two"):
        UAP().learn(replace(context, train=context.train.take([0]), bank=one))


@pytest.mark.parametrize(("area", "side"), [(0.05, 3), (0.01, 1), (1e-9, 1)])
def test_a_patch_is_one_square_at_one_place(area: float, side: int) -> None:
    victim = SmallVictim()
    attack = Patch(area=area, steps=3)
    learnt = fitted(attack, toy_learning(victim))
    batch = toy_batch(victim)
    changed = attack(batch, replace(toy_context(victim), fitted=learnt)).inputs != batch.inputs
    rows, columns = changed.any(0).any(0).nonzero().unbind(1)
    assert rows.max() - rows.min() < side
    assert columns.max() - columns.min() < side
    assert changed.any(1).flatten(1).float().mean(1).max() <= max(area, 1 / 256)
    assert changed.flatten(1).any(1).all()
    places = [fitted(attack, replace(toy_learning(victim), random=Randomness(seed=s, purpose="p"))) for s in (1, 2)]
    assert not torch.equal(places[0]["place"], places[1]["place"])
    assert not attack.bounded


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (UAP, {"aim": Aim.P2S}),
        (UAP, {"aim": Aim.MAINSTAY}),
        (UAP, {"loss": "cosine"}),
        (UAP, {"rate": 0.0}),
        (UAP, {"steps": 0}),
        (UAP, {"batch": 0}),
        (UAP, {"labels": 0}),
        (UAP, {"patience": -1}),
        (Patch, {"area": 0.0}),
        (Patch, {"area": 0.06}),
    ],
)
def test_bad_options_are_refused(kind: type[Universal], options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        kind(**options)


@pytest.mark.parametrize("attack", KINDS, ids=lambda attack: f"{type(attack).__name__} {attack.aim}")
def test_what_was_not_learnt_is_asked_for(attack: Universal) -> None:
    victim = SmallVictim()
    batch, context = toy_batch(victim), toy_context(victim)
    with pytest.raises(CapabilityError, match="call `learn` first"):
        attack(batch, context)
    if attack.aim is not Aim.AWAY:
        learnt = fitted(replace(attack, steps=1), toy_learning(victim))
        bare = AttackBatch(inputs=batch.inputs, ids=batch.ids)
        with pytest.raises(CapabilityError, match="needs target labels"):
            attack(bare, replace(context, fitted=learnt))
