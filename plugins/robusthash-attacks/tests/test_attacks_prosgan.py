"""ProS-GAN: its losses are right, and what goes wrong in learning is told."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import CodeBank, LearningContext, Randomness, Snapshots, Surrogate
from robusthash.errors import CapabilityError, OptionError, TrainingError
from robusthash.hashing import sign
from robusthash.testing import SmallVictim, TextVictim, toy_batch, toy_context, toy_learning
from robusthash_attacks.learnt.course import Course
from robusthash_attacks.learnt.drawing import whole, within
from robusthash_attacks.learnt.networks import downhill
from robusthash_attacks.learnt.players import rate_factor
from robusthash_attacks.learnt.prosgan.attack import ProsGAN
from robusthash_attacks.learnt.prosgan.drawer import Drawer
from robusthash_attacks.learnt.prosgan.duel import Duel, Weights, collapses
from robusthash_attacks.learnt.prosgan.losses import (
    adaptive_loss,
    deception_loss,
    discriminator_loss,
    likelihood_loss,
    mean_loss,
)
from robusthash_attacks.learnt.prosgan.prototypes import LOSSES, PrototypeSearch, conditions
from robusthash_attacks.learnt.targets import unseen

SMALL: dict[str, Any] = {"filters": 4, "blocks": 1, "steps": 6, "batch": 6, "prototype_steps": 5, "prototype_width": 8}


def learnt(attack: ProsGAN, context: LearningContext) -> dict[str, Tensor]:
    found = attack.learn(context)
    assert found is not None
    return dict(found)


def test_the_losses_of_vectors_worked_by_hand() -> None:
    found = torch.tensor([[0.5, -0.5]])
    codes = torch.tensor([[1.0, 1.0], [1.0, -1.0]])  # theta 0 and 1/2
    pairs = (0.693147 + (0.974077 - 0.5)) / 2  # softplus, the second shares a label
    value = likelihood_loss(found, codes, torch.tensor([[False, True]]))
    assert value.item() == pytest.approx(pairs + 1e-4 * 0.5, abs=1e-6)
    outputs, aim = torch.tensor([[0.0, 0.549306]]), torch.tensor([[1.0, -1.0]])  # p = 0 and -1/2
    assert mean_loss(outputs, aim).item() == pytest.approx(1.25, abs=1e-5)
    assert adaptive_loss(outputs, aim).item() == pytest.approx(1 + (0 + 1.25) / 2, abs=1e-5)
    said, labels, targets = torch.tensor([[1.0, 0.0, 0.5]]), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert discriminator_loss(said, said, labels, targets).item() == pytest.approx((0.25 / 3 + 2.25 / 3) / 2)
    assert deception_loss(said, targets).item() == pytest.approx(2.25 / 3)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: likelihood_loss(torch.tanh(x), sign(torch.arange(12.0).view(2, 6) - 5).double(), torch.eye(2).bool()),
        lambda x: mean_loss(x, x.detach().sign()),
        lambda x: adaptive_loss(x, -x.detach().sign()),
        lambda x: deception_loss(x, torch.eye(2, 5, dtype=torch.float64)),
        lambda x: discriminator_loss(x, 2 * x, *torch.eye(4, 5, dtype=torch.float64).split(2)),
    ],
    ids=["likelihood", "mean", "adaptive", "deception", "discriminator"],
)
def test_a_loss_has_the_gradient_of_its_differences(loss: Callable[[Tensor], Tensor]) -> None:
    inputs = torch.randn(2, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(loss, inputs.requires_grad_())


@pytest.mark.parametrize("name", LOSSES)
def test_prototypes_are_near_their_own_codes(name: str) -> None:
    """Four labels whose codes are as far apart as four codes can be."""
    pair = torch.tensor([[1, 1], [1, -1]])
    base = torch.kron(torch.kron(pair, pair), torch.tensor([[1, -1, 1, 1]]))
    labels = torch.eye(4, dtype=torch.uint8)
    bank = CodeBank(codes=base.repeat(8, 1).to(torch.int8), labels=labels.repeat(8, 1))
    random = Randomness(seed=0, purpose="prototypes")
    search = PrototypeSearch(bank, labels, loss=LOSSES[name], width=256, random=random)
    Course(steps=400, every=50).run(search, toy_learning(SmallVictim()))
    condition, codes = conditions(search.network, labels)
    assert condition.shape == (4, 512)
    alike = codes @ base.T.float() / 16
    assert (alike.argmax(1) == torch.arange(4)).all()
    assert alike.diagonal().mean() >= 0.5, "repelled by three labels in four, the likelihood gives up a bit in four"
    _, _, recognised = search.network(labels)
    assert (recognised.argmax(1) == torch.arange(4)).all()


def test_the_learning_rate_falls_as_released() -> None:
    factors = [rate_factor(epoch / 100 + 1e-9) for epoch in (0, 49, 50, 99)]
    assert factors == pytest.approx([1, 1, 50 / 51, 1 / 51])


def test_an_image_is_drawn_whole_or_as_a_residual() -> None:
    threat = toy_context(SmallVictim(), epsilon=0.1).threat
    clean = torch.tensor([0.0, 0.5, 0.95]).view(1, 1, 1, 3)
    head = torch.tensor([-1.0, 0.5, 1.0]).view(1, 1, 1, 3)
    assert whole(head, clean).flatten().tolist() == [0.0, 0.75, 1.0]
    assert within(threat)(head, clean).flatten().tolist() == pytest.approx([0.0, 0.555, 1.0])
    assert within(threat)(head, clean - clean + 0.5).flatten().tolist() == pytest.approx([0.4, 0.555, 0.6])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"guide": "gradient"},
        {"network": "published", "prototype": "circle", "bound": "none", "deception_weight": 1.0},
    ],
    ids=str,
)
def test_killed_in_either_stage_it_resumes_to_the_same_bytes(options: dict[str, Any], tmp_path: Path) -> None:
    attack, context = ProsGAN(**SMALL, **options), toy_learning(SmallVictim())
    undisturbed = learnt(attack, context)
    partial = replace(context, snapshots=Snapshots(tmp_path / "partial", "it", seconds=0.0))
    for stage in ("prototype network", "generator"):

        def kill(done: int, _total: int, what: str, stage: str = stage) -> None:
            if what.startswith(stage) and done == 4:
                raise KeyboardInterrupt

        if stage == "generator" or "prototype" in options:
            with pytest.raises(KeyboardInterrupt):
                attack.fit(replace(partial, progress=kill))
    resumed = learnt(attack, partial)
    assert resumed.keys() == undisturbed.keys()
    assert [name for name, part in undisturbed.items() if not torch.equal(resumed[name], part)] == []


class Broken(SmallVictim):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) * torch.nan


def test_divergence_is_told() -> None:
    context = toy_learning(SmallVictim())
    broken = Surrogate(Broken().eval().requires_grad_(requires_grad=False), context.surrogate.budget)
    with pytest.raises(TrainingError, match="the loss 'hash' is nan at step 1"):
        ProsGAN(**SMALL).learn(replace(context, surrogate=broken))


def test_a_learning_rate_that_diverges_is_told() -> None:
    """Provoked: weights that overflow, so that the generator draws NaN."""
    with pytest.raises(TrainingError, match=r"diverged: the loss '\w+' is nan at step \d"):
        ProsGAN(**{**SMALL, "rate": 1e38}).learn(toy_learning(SmallVictim()))


def test_a_share_of_the_labels_is_no_target_in_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which ones depends on the label vector and the seed alone."""
    context = toy_learning(SmallVictim())
    labels = torch.unique(context.bank.labels, dim=0)
    seed = next(seed for seed in range(9) if 0 < unseen(labels, 0.5, seed).sum() < len(labels))
    assert [bool(unseen(label[None], 0.5, seed)) for label in labels] == unseen(labels, 0.5, seed).tolist()
    given: list[Tensor] = []

    class Noted(Duel):
        def __init__(self, context: LearningContext, labels: Tensor, *rest: Tensor, **options: Any) -> None:
            given.append(labels)
            super().__init__(context, labels, *rest, **options)

    monkeypatch.setattr("robusthash_attacks.learnt.prosgan.attack.Duel", Noted)
    learnt(ProsGAN(**SMALL, unseen=0.5), replace(context, random=replace(context.random, seed=seed)))
    assert torch.equal(given[0], labels[~unseen(labels, 0.5, seed)].float())


def duel(condition: Tensor) -> Duel:
    """Four labels whose codes are apart, and a generator that is told a condition of each."""
    codes = sign(torch.randn(4, 16, generator=torch.Generator().manual_seed(3))).float()
    context = toy_learning(SmallVictim(), epsilon=0.5)
    return Duel(
        context,
        torch.eye(4),
        condition,
        codes,
        drawer=Drawer(surrogate=context.surrogate, guide="none", loss=mean_loss, draw=within(context.threat)),
        network="compact",
        weights=Weights(hash=5.0, reconstruction=0.0, deception=1.0),
        filters=4,
        blocks=1,
        batch=12,
        rate=0.01,
    )


def test_a_generator_that_ignores_its_label_is_told() -> None:
    """Provoked: all labels have the same condition, so that another one moves no bit."""
    signs, faults = duel(torch.ones(4, 5)).watch()
    assert signs["label"] == 0
    assert "the generator ignores its label" in faults
    attentive = duel(torch.eye(4))
    for step in range(40):
        attentive.step(step, step / 40)
    signs, faults = attentive.watch()
    assert signs["label"] > 0.1
    assert "the generator ignores its label" not in faults


def test_a_discriminator_that_has_won_or_says_nothing_is_told() -> None:
    fought = duel(torch.eye(4))
    discriminator = fought.discriminator
    assert discriminator is not None
    last = discriminator.layers[-1]
    assert isinstance(last, nn.Conv2d)
    with torch.no_grad():
        last.weight.zero_()
    signs, faults = fought.watch()
    assert signs["flag clean"] == signs["flag attacked"] == 0
    assert "the discriminator tells nothing apart" in faults
    assert collapses({"flag clean": 0.001, "flag attacked": 0.999}) == ["the discriminator has won"]
    assert collapses({"label": 0.5, "flag clean": 0.3, "flag attacked": 0.6}) == []


def test_a_discriminator_that_learns_alone_wins() -> None:
    """Provoked: a generator that stands still."""
    fought = duel(torch.eye(4))
    still = {name: part.clone() for name, part in fought.generator.state_dict().items()}
    found: list[str] = []
    for step in range(0, 90, 3):  # it learns at every third step
        fought.step(step, 0.0)
        fought.generator.load_state_dict(still)
        found += fought.watch()[1]
    assert "the discriminator has won" in found


def test_losses_and_signs_are_told(tmp_path: Path) -> None:
    told: list[Mapping[str, float]] = []
    context = replace(toy_learning(SmallVictim()), tell=lambda _epoch, _epochs, losses: told.append(losses))
    learnt(ProsGAN(**SMALL, bound="none", deception_weight=1.0, reconstruction_weight=2.0), context)
    assert told[0].keys() == {
        "discriminator",
        "hash",
        "reconstruction",
        "deception",
        "validation",
        "label",
        "flag clean",
        "flag attacked",
    }
    assert "discriminator" not in told[1], "it learns at every third step"


def test_learning_leaves_the_weights_of_the_discriminator_to_its_own_steps() -> None:
    fought = duel(torch.eye(4))
    assert fought.discriminator is not None
    fought.step(0, 0.0)
    before = {name: part.clone() for name, part in fought.discriminator.named_parameters()}
    fought.step(1, 0.1)
    fought.step(2, 0.2)
    assert all(torch.equal(part, before[name]) for name, part in fought.discriminator.named_parameters())
    fought.step(3, 0.3)
    assert not any(torch.equal(part, before[name]) for name, part in fought.discriminator.named_parameters())


def test_a_guide_points_to_where_the_loss_falls_and_is_counted() -> None:
    context, codes = toy_learning(SmallVictim()), torch.ones(6, 16)
    clean = context.train.images.inputs(range(6))
    guide = downhill(context.surrogate, clean, lambda outputs: mean_loss(outputs, codes))
    assert (context.surrogate.budget.forward, context.surrogate.budget.backward) == (6, 6)
    assert set(guide.unique().tolist()) <= {-1.0, 0.0, 1.0}
    ahead, here, behind = (
        float(mean_loss(context.surrogate(clean + step * guide), codes)) for step in (1e-3, 0.0, -1e-3)
    )
    assert ahead < here < behind


@pytest.mark.parametrize(("guide", "passes"), [("none", 0), ("gradient", 12)])
def test_a_query_costs_no_pass_of_the_surrogate_or_with_a_guide_one(guide: str, passes: int) -> None:
    attack, victim = ProsGAN(**SMALL, guide=guide), SmallVictim()  # type: ignore[arg-type]  # one of its choices
    fitted = learnt(attack, toy_learning(victim))
    context = replace(toy_context(victim), fitted=fitted)
    attack(toy_batch(victim), context)
    assert (context.surrogate.budget.forward, context.surrogate.budget.backward) == (passes, passes)


@pytest.mark.parametrize(("bound", "bounded"), [("tanh", True), ("project", True), ("none", False)])
def test_what_is_bounded_stays_within_epsilon(bound: str, bounded: bool) -> None:
    attack = ProsGAN(**SMALL, bound=bound)  # type: ignore[arg-type]  # one of its choices
    victim = SmallVictim()
    batch, context = toy_batch(victim), replace(toy_context(victim), fitted=learnt(attack, toy_learning(victim)))
    raw = attack.perturb(batch, context)
    assert attack.bounded is bounded
    assert bool(context.threat.contains(raw, batch.inputs).all()) is bounded


@pytest.mark.parametrize(
    "options",
    [
        {"bound": "l2"},
        {"prototype": "p2s"},
        {"hash_loss": "hinge"},
        {"hash_weight": -1.0},
        {"deception_weight": -1.0},
        {"rate": 0.0},
        {"steps": 0},
        {"filters": 0},
        {"blocks": 0},
        {"network": "small"},
        {"guide": "code"},
        {"unseen": 1.0},
        {"patience": -1},
    ],
    ids=str,
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        ProsGAN(**options)


def test_what_cannot_be_learnt_is_refused() -> None:
    context = toy_learning(SmallVictim())
    labels = torch.zeros_like(context.bank.labels)
    with pytest.raises(CapabilityError, match="no item of the train split has a label"):
        ProsGAN(**SMALL).learn(replace(context, bank=replace(context.bank, labels=labels)))
    with pytest.raises(CapabilityError, match=r"no label vector .* is left to learn from, with unseen=0.999"):
        ProsGAN(**SMALL, unseen=0.999).learn(context)
    with pytest.raises(CapabilityError, match="call `learn` first"):
        ProsGAN()(toy_batch(SmallVictim()), toy_context(SmallVictim()))
    assert ProsGAN().modalities == {"image"}
    assert TextVictim().modality.name not in ProsGAN().modalities
