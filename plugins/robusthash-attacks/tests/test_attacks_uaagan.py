"""UAA-GAN: its losses are right, it reads no label, it beats what it is shown, and what goes wrong is told."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import HashModel, LearningContext, Randomness, Snapshots, Space, Surrogate
from robusthash.errors import CapabilityError, OptionError, TrainingError
from robusthash.specs import Distance
from robusthash.testing import DescriptorVictim, SmallVictim, toy_batch, toy_context, toy_learning
from robusthash_attacks.learnt.drawing import within
from robusthash_attacks.learnt.generator import Generator
from robusthash_attacks.learnt.networks import NETWORKS, Network, downhill
from robusthash_attacks.learnt.uaagan.attack import UAAGAN
from robusthash_attacks.learnt.uaagan.contest import Contest, Weights, collapses, mean_cosine
from robusthash_attacks.learnt.uaagan.discriminator import PatchDiscriminator
from robusthash_attacks.learnt.uaagan.losses import (
    corners,
    deception_loss,
    discriminator_loss,
    metric_loss,
    nearest_other,
    own_loss,
    positions,
    reconstruction_loss,
)
from robusthash_attacks.learnt.uaagan.sight import Condition, Sight, near

SMALL: dict[str, Any] = {"filters": 4, "blocks": 1, "steps": 6, "batch": 6}
PAPER: dict[str, Any] = {
    "condition": "none",
    "network": "published",
    "loss": "metric",
    "reconstruction_weight": 0.1,
    "deception_weight": 1.0,
}
CODES = Space.hamming(4)
VECTORS = Space(distance=Distance.COSINE, size=4)


def learnt(attack: UAAGAN, context: LearningContext) -> dict[str, Tensor]:
    found = attack.learn(context)
    assert found is not None
    return dict(found)


def test_positions_are_relaxed_codes_or_directions() -> None:
    outputs = torch.tensor([[3.0, 0.0, -100.0, 4.0]])
    assert positions(outputs, CODES).tolist() == [pytest.approx([0.497527, 0, -0.5, 0.499665], abs=1e-6)]
    assert positions(outputs[:, [0, 3]], VECTORS).tolist() == [pytest.approx([0.6, 0.8])]
    one, other = corners(torch.tensor([[1.0, 1, -1, 1], [1, -1, 1, 1]]), CODES)
    assert one.norm() == other.norm() == 1
    assert (one - other).square().sum().item() == pytest.approx(4 / 4 * 2), "two of four bits differ"


def test_the_losses_of_vectors_worked_by_hand() -> None:
    own = torch.tensor([[1.0, 0], [0.6, 0.8], [-1, 0]])  # the nearest others are 0.894427, 0.894427 and 1.788854 away
    attacked = torch.tensor([[0.0, 1], [0.6, 0.8], [1, 0]])  # 1.414214, 0 and 2 from their own
    assert own_loss(attacked, own, nearest_other(own)).item() == pytest.approx(1 + (0 + 1 - 1) / 3)
    assert own_loss(-own, own, nearest_other(own)).item() == pytest.approx(0, abs=1e-6)
    apart = nearest_other(own)
    wanted = ((0.894427 + 0.6 - 1.414214) + (0.894427 + 0.6) + (1.788854 + 0.6 - 2)) / 3
    assert metric_loss(attacked, own, apart, margin=0.6).item() == pytest.approx(wanted, abs=1e-5)
    few = metric_loss(attacked, own, apart, margin=0.0)
    assert few.item() == pytest.approx(0.894427 / 3, abs=1e-5), "two are far enough"
    alone = metric_loss(attacked[:1], own[:1], nearest_other(own[:1]), margin=2.0)
    assert alone.item() == pytest.approx(2 - 1.414214, abs=1e-5), "no negative"


OWN = torch.nn.functional.normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64))


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: own_loss(positions(x, CODES), OWN, nearest_other(OWN)),
        lambda x: own_loss(positions(x, VECTORS), OWN, nearest_other(OWN)),
        lambda x: metric_loss(positions(x, CODES), OWN, nearest_other(OWN), margin=1.5),
        lambda x: metric_loss(positions(x, VECTORS), OWN, nearest_other(OWN), margin=0.5),
        lambda x: reconstruction_loss(x, OWN),
        lambda x: discriminator_loss(x, 2 * x),
        deception_loss,
    ],
    ids=["own, codes", "own", "metric, codes", "metric", "reconstruction", "discriminator", "deception"],
)
def test_a_loss_has_the_gradient_of_its_differences(loss: Callable[[Tensor], Tensor]) -> None:
    inputs = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(loss, inputs.requires_grad_())


def test_an_image_that_did_not_move_has_a_finite_gradient() -> None:
    own = OWN.clone().requires_grad_()
    (metric_loss(own, OWN, nearest_other(OWN), margin=0.5) + reconstruction_loss(own, OWN)).backward()  # type: ignore[no-untyped-call]  # torch's
    assert own.grad is not None
    assert own.grad.isfinite().all()


@pytest.mark.parametrize("victim", [SmallVictim(), DescriptorVictim()], ids=["codes", "descriptors"])
def test_what_it_is_shown_leads_away(victim: HashModel) -> None:
    """A small step along the shown signs moves every image away from its own position, and back the other way."""
    context, batch = toy_context(victim), toy_batch(victim)
    clean = context.surrogate(batch.inputs)
    own = clean.sign() if context.surrogate.space.binary else clean
    start = batch.inputs + 0.02 * torch.randn(batch.inputs.shape, generator=torch.Generator().manual_seed(0))
    shown = downhill(context.surrogate, start, lambda outputs: near(outputs, own, victim.space))
    assert set(shown.flatten().tolist()) <= {-1.0, 0.0, 1.0}
    before, after = (
        own_near(context.surrogate(start + step * shown), own, context.surrogate.space) for step in (-0.002, 0.002)
    )
    assert (after < before).all()


def own_near(outputs: Tensor, own: Tensor, space: Space) -> Tensor:
    return (outputs * own).sum(1) if space.binary else torch.cosine_similarity(outputs, own)


@pytest.mark.parametrize("condition", ["none", "code", "gradient"])
def test_it_moves_descriptors_further_than_noise(condition: Any) -> None:
    victim = DescriptorVictim()
    attack = UAAGAN(condition=condition, filters=4, blocks=1, steps=50, batch=12, rate=0.01)
    context, batch = toy_context(victim), toy_batch(victim)
    attacked = attack(batch, replace(context, fitted=learnt(attack, toy_learning(victim)))).inputs
    noisy = context.threat.point(Randomness(seed=3, purpose="n").uniform(batch.ids, (3, 16, 16)), batch.inputs)
    clean = victim.represent(batch.inputs)
    near, far = (torch.cosine_similarity(clean, victim.represent(one)).mean() for one in (noisy, attacked))
    assert far < near - 0.03


@pytest.mark.parametrize(("condition", "passes"), [("none", (0, 0)), ("code", (12, 0)), ("gradient", (24, 12))])
def test_a_query_costs_what_it_is_shown(condition: Any, passes: tuple[int, int]) -> None:
    victim = SmallVictim()
    attack = UAAGAN(**SMALL, condition=condition)
    context = replace(toy_context(victim), fitted=learnt(attack, toy_learning(victim)))
    attack(toy_batch(victim), context)
    assert (context.surrogate.budget.forward, context.surrogate.budget.backward) == passes


def test_a_residual_may_have_the_whole_radius() -> None:
    """What is drawn is rounded toward the clean image, and a tanh is less than 1."""
    threat, clean = toy_context(SmallVictim()).threat, torch.full((1, 1, 1, 3), 128 / 255)
    head = torch.tanh(torch.tensor([-2.0, 0.0, 4.0])).view(1, 1, 1, 3)
    drawn = within(threat)(head, clean)
    assert threat.contains(drawn, clean).all()
    assert ((threat.deliver(drawn, clean) - clean) * 255).round().flatten().tolist() == [-8, 0, 8]


def test_an_untrained_generator_follows_its_guide() -> None:
    guide = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).sign()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Generator((32, 32), 0, filters=16, blocks=2, guided=True)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    drawn = network(images, guide=guide)
    assert (drawn.sign() == guide).float().mean() > 0.99
    again = Generator.of(network.state_dict(), (32, 32))
    assert torch.equal(again(images, guide=guide), drawn)


@pytest.mark.parametrize("options", [{}, PAPER], ids=["default", "paper"])
def test_no_label_is_read(options: dict[str, Any]) -> None:
    attack, context = UAAGAN(**SMALL, **options), toy_learning(SmallVictim())
    other = context.bank.labels.roll(1, dims=0)
    relabelled = replace(
        context, train=replace(context.train, labels=other), bank=replace(context.bank, labels=other.clone())
    )
    first, second = learnt(attack, context), learnt(attack, relabelled)
    assert [name for name, part in first.items() if not torch.equal(part, second[name])] == []


@pytest.mark.parametrize("options", [{}, PAPER, {"condition": "code", "bound": "none"}], ids=str)
def test_killed_it_resumes_to_the_same_bytes(options: dict[str, Any], tmp_path: Path) -> None:
    attack, context = UAAGAN(**SMALL, **options), toy_learning(SmallVictim())
    undisturbed = learnt(attack, context)

    def kill(done: int, _total: int, _what: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    partial_ = replace(context, snapshots=Snapshots(tmp_path / "partial", "it", seconds=0.0))
    with pytest.raises(KeyboardInterrupt):
        attack.fit(replace(partial_, progress=kill))
    resumed = learnt(attack, partial_)
    assert resumed.keys() == undisturbed.keys()
    assert [name for name, part in undisturbed.items() if not torch.equal(resumed[name], part)] == []


class Broken(SmallVictim):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) * torch.nan


def test_divergence_is_told() -> None:
    context = toy_learning(SmallVictim())
    broken = Surrogate(Broken().eval().requires_grad_(requires_grad=False), context.surrogate.budget)
    with pytest.raises(TrainingError, match="the loss 'metric' is nan at step 1"):
        UAAGAN(**SMALL, condition="none").learn(replace(context, surrogate=broken))


def contest(condition: Condition, **options: Any) -> Contest:
    context = toy_learning(SmallVictim(), epsilon=0.5)
    return Contest(
        context,
        sight=Sight(condition=condition, surrogate=context.surrogate, threat=context.threat, random=context.random),
        draw=within(context.threat),
        loss=options.pop("loss", own_loss),
        weights=Weights(metric=1.0, reconstruction=0.0, deception=options.pop("deception", 0.0)),
        network="published",
        filters=4,
        blocks=1,
        batch=12,
        rate=0.01,
    )


def test_one_perturbation_for_all_images_is_told() -> None:
    """Provoked: the head sees nothing of the image, and so draws the same each time."""
    blind = contest("none")
    blind.generator.decoder.append(Constant())
    with torch.no_grad():
        blind.generator.head.weight[:, 4:] = 0  # the image itself
    signs, faults = blind.watch()
    assert signs["cosine"] > 0.9
    assert faults == ["the generator draws nearly one perturbation for all images"]
    seeing = contest("gradient")
    signs, faults = seeing.watch()
    assert signs["cosine"] < 0.75
    assert faults == []


class Constant(nn.Module):
    """Forgets its input."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.linspace(-1, 1, inputs[0].numel()).view(1, *inputs.shape[1:]).expand_as(inputs)


def test_the_cosine_of_residuals() -> None:
    assert mean_cosine(torch.ones(3, 1, 2, 2)) == pytest.approx(1)
    assert mean_cosine(torch.tensor([[1.0, 0], [0, 2], [0, -1]])) == pytest.approx(-1 / 3)
    assert mean_cosine(torch.ones(1, 4)) == 0, "a single one is like no other"


def test_a_discriminator_that_has_won_or_says_nothing_is_told() -> None:
    fought = contest("none", deception=1.0)
    assert fought.discriminator is not None
    with torch.no_grad():
        for part in fought.discriminator.parameters():
            part.zero_()
    signs, faults = fought.watch()
    assert signs["flag clean"] == signs["flag attacked"] == 0
    assert "the discriminator tells nothing apart" in faults
    won = {"cosine": 0.1, "flag clean": 1.0, "flag attacked": 0.01}
    assert collapses(won) == ["the discriminator has won"]
    assert collapses({**won, "flag clean": 0.6}) == []
    assert collapses({**won, "flag clean": 0.01, "flag attacked": 1.0}) == [], "it is wrong, and still learns"


def test_each_network_takes_its_own_steps() -> None:
    fought = contest("none", deception=1.0, loss=partial(metric_loss, margin=0.5))
    assert fought.discriminator is not None
    networks: dict[str, nn.Module] = {"generator": fought.generator, "discriminator": fought.discriminator}
    before = {name: [part.clone() for part in network.parameters()] for name, network in networks.items()}
    told = fought.step(0, 0.0)
    assert told.keys() == {"discriminator", "metric", "deception"}
    for name, network in networks.items():
        moved = [not torch.equal(*pair) for pair in zip(network.parameters(), before[name], strict=True)]
        assert sum(moved) > len(moved) / 2, name


def test_losses_and_signs_are_told() -> None:
    told: list[Mapping[str, float]] = []
    context = replace(toy_learning(SmallVictim()), tell=lambda *said: told.append(said[-1]))
    learnt(UAAGAN(**SMALL, **PAPER), context)
    signs = {"validation", "cosine", "flag clean", "flag attacked"}
    assert told[0].keys() == signs | {"discriminator", "metric", "reconstruction", "deception"}


@pytest.mark.parametrize(("bound", "bounded"), [("tanh", True), ("project", True), ("none", False)])
def test_what_is_bounded_stays_within_epsilon(bound: str, bounded: bool) -> None:
    attack = UAAGAN(**SMALL, bound=bound)  # type: ignore[arg-type]  # one of its choices
    victim = SmallVictim()
    batch, context = toy_batch(victim), replace(toy_context(victim), fitted=learnt(attack, toy_learning(victim)))
    raw = attack.perturb(batch, context)
    assert attack.bounded is bounded
    assert bool(context.threat.contains(raw, batch.inputs).all()) is bounded


@pytest.mark.parametrize(
    ("size", "maps"), [((8, 8), 2), ((16, 24), 2), ((32, 32), 2), ((224, 224), 26)], ids=lambda size: str(size)
)
def test_the_discriminator_judges_patches(size: tuple[int, int], maps: int) -> None:
    with torch.device("meta"):
        network = PatchDiscriminator(size, filters=8)
        found = network(torch.rand(2, 3, *size))
    assert found.shape[0] == 2
    assert found.shape[1] == maps


def test_parameters() -> None:
    """The counts that the page states."""

    def count(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    with torch.device("meta"):
        assert count(PatchDiscriminator((224, 224), filters=64)) == 2_764_737, "PatchGAN of 70 x 70"
        assert count(PatchDiscriminator((32, 32), filters=16)) == 175_089
        counts: list[tuple[Network, bool, int, int]] = [
            ("published", False, 0, 232_353),
            ("published", False, 32, 312_745),
            ("compact", False, 0, 230_049),
            ("compact", False, 32, 334_209),
            ("compact", True, 32, 335_827),
        ]
        for network, guided, condition, wanted in counts:
            made = NETWORKS[network]((32, 32), condition, filters=16, blocks=2, guided=guided)
            assert count(made) == wanted, (network, guided, condition)


@pytest.mark.parametrize(
    "options",
    [
        {"bound": "l2"},
        {"condition": "label"},
        {"loss": "hinge"},
        {"network": "unet"},
        {"margin": -0.1},
        {"metric_weight": -1.0},
        {"reconstruction_weight": -1.0},
        {"deception_weight": -1.0},
        {"rate": 0.0},
        {"steps": 0},
        {"batch": 0},
        {"filters": 0},
        {"blocks": 0},
        {"patience": -1},
    ],
    ids=str,
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        UAAGAN(**options)


def test_what_was_not_learnt_is_asked_for() -> None:
    with pytest.raises(CapabilityError, match="call `learn` first"):
        UAAGAN()(toy_batch(SmallVictim()), toy_context(SmallVictim()))
    with pytest.raises(CapabilityError, match="too small"):
        PatchDiscriminator((7, 8), filters=4)
