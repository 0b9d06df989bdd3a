"""CgAT, SAAT and ATRDH: their codes worked by hand, their losses, and that they make a model more robust."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from robusthash.adversary import Aim, GradientAttack
from robusthash.contracts import (
    ArrayImages,
    AttackBatch,
    AttackContext,
    Budget,
    HashModel,
    Objective,
    Pairs,
    Randomness,
    RetrievalData,
    Split,
    Surrogate,
    Threat,
    TrainStep,
)
from robusthash.errors import ContractError, OptionError, UsageError
from robusthash.host import PluginHost, PluginKind
from robusthash.options import as_plain
from robusthash.testing import SmallVictim, toy_images
from robusthash.training import AdversarialTraining, Banks, Outputs, Recipe, Scene, defense_context, train
from robusthash_defenses.atrdh import ATRDH
from robusthash_defenses.cgat import CgAT
from robusthash_defenses.inner_products import InnerProducts, misfit
from robusthash_defenses.saat import SAAT

CPU = torch.device("cpu")
STEP = TrainStep(epoch=0, epochs=2, iteration=0, bits=2)
METHODS = (CgAT, SAAT, ATRDH)


def scene(
    labels: list[list[int]],
    codes: list[list[int]],
    bank_labels: list[list[int]],
    *,
    head: torch.nn.Module | None = None,
) -> Scene:
    bank = Banks(
        codes=torch.tensor(codes).float(),
        relaxed=0.5 * torch.tensor(codes).float(),
        labels=torch.tensor(bank_labels).float(),
    )
    random = Randomness(seed=0, purpose="test")
    return Scene(labels=torch.tensor(labels).float(), head=head, random=random, step=STEP, recall=lambda: bank)


def outputs(relaxed: Tensor) -> Outputs:
    """Outputs with these relaxed codes."""
    return Outputs(logits=torch.atanh(relaxed))


# --- codes ------------------------------------------------------------------------------------------------------------

# The image wanted has labels {0, 1}. Relevant: one item with exactly those (Jaccard 1, cosine 1), three with {0, 2, 3}
# (Jaccard 1/4, cosine 1/sqrt 6 = .41). Irrelevant: one with {4}.
TINY = scene(
    [[1, 1, 0, 0, 0]],
    [[1, 1], [-1, -1], [-1, -1], [-1, 1], [-1, 1]],
    [[1, 1, 0, 0, 0], [1, 0, 1, 1, 0], [1, 0, 1, 1, 0], [1, 0, 1, 1, 0], [0, 0, 0, 0, 1]],
)


def test_the_weights_decide_the_code() -> None:
    # Bit 0, weights 1: the mean of (1, -1, -1, -1) is -.5; minus the irrelevant -1: +.5. Bit 1: the mean of
    # (1, -1, -1, 1) is 0, minus 1: -1. Jaccard: bit 0 (1 - 3/4) / 4 + 1 > 0; bit 1 (1 - 1/4 - 1/4 + 1/4) / 4 - 1 < 0.
    for jaccard in (False, True):
        assert CgAT(jaccard=jaccard).codes(TINY).tolist() == [[1, -1]]
    # Without the irrelevant item, by the relevant ones alone: bit 0 is negative with weights 1, and positive with
    # Jaccard's (1 - 3/4); SAAT's cosines say 1 - 3 * .41 < 0.
    alone = scene([[1, 1, 0, 0, 0]], TINY.banks.codes[:4].int().tolist(), TINY.banks.labels[:4].int().tolist())
    assert CgAT(jaccard=False).codes(alone)[0, 0] == -1
    assert CgAT(jaccard=True).codes(alone)[0, 0] == 1
    assert 1 - 3 / math.sqrt(6) < 0
    assert SAAT().codes(alone)[0, 0] == -1
    # With one item fewer of the {0, 2, 3}: 1 - 2 * .41 > 0, where weights of 1 still say 1 - 2 < 0.
    fewer = scene([[1, 1, 0, 0, 0]], TINY.banks.codes[:3].int().tolist(), TINY.banks.labels[:3].int().tolist())
    assert SAAT().codes(fewer)[0, 0] == 1
    assert CgAT(jaccard=False).codes(fewer)[0, 0] == -1


@pytest.mark.parametrize("method", METHODS)
def test_no_labels_and_empty_sides_give_no_nan(method: type[AdversarialTraining]) -> None:
    made = method()
    for wanted, bank_labels in (
        ([[0, 0]], [[1, 0], [0, 1]]),
        ([[1, 0]], [[1, 0], [1, 0]]),
        ([[1, 1]], [[0, 0], [1, 0]]),
    ):
        some = replace(scene(wanted, [[1, -1], [1, 1]], bank_labels), head=made.head(bits=2, classes=2, seed=0))
        relaxed = torch.tensor([[0.3, -0.2]], requires_grad=True)
        loss = made.adversarial_loss(outputs(relaxed), some)
        (gradient,) = torch.autograd.grad(loss, relaxed)
        assert bool(made.codes(some).abs().eq(1).all())
        assert bool(loss.isfinite())
        assert bool(gradient.isfinite().all())


# --- losses -----------------------------------------------------------------------------------------------------------


def test_losses_by_hand() -> None:
    crafted = torch.tensor([[0.5, 0.5]])  # against the code (1, -1)
    assert CgAT(weight=3.0).adversarial_loss(outputs(crafted), TINY).item() == pytest.approx(0.0)
    there = torch.tensor([[0.5, -0.8]])
    assert CgAT(weight=3.0).adversarial_loss(outputs(there), TINY).item() == pytest.approx(-3 * 0.65)
    expected = -2 * 0.65 + 0.1 * (0.25 + 0.04) / 2
    assert SAAT(weight=2.0, quantisation=0.1).adversarial_loss(outputs(there), TINY).item() == pytest.approx(expected)


@pytest.mark.parametrize("method", [CgAT(), SAAT()])
def test_cgat_and_saat_flee_their_code_and_return_to_it(method: AdversarialTraining) -> None:
    relaxed = torch.tensor([[0.1, 0.2]], requires_grad=True)
    code = method.codes(TINY)
    (fleeing,) = torch.autograd.grad(method.inner_loss(outputs(relaxed), code).sum(), relaxed)
    (returning,) = torch.autograd.grad(method.adversarial_loss(outputs(relaxed), TINY), relaxed)
    assert bool((fleeing * code > 0).all())  # descent lowers the agreement
    assert bool((returning * code < 0).all())  # descent raises it


def test_atrdh_pulls_to_the_prototype_of_a_label_and_holds_the_pairs() -> None:
    method = ATRDH(weight=2.0)
    head = method.head(bits=2, classes=5, seed=0)
    some = replace(TINY, head=head)
    code = method.codes(some)
    assert torch.equal(method.codes(some), code)
    relaxed = torch.tensor([[0.1, 0.2]], requires_grad=True)
    (pulled,) = torch.autograd.grad(method.inner_loss(outputs(relaxed), code).sum(), relaxed)
    assert bool((pulled * code < 0).all())
    heavy, light = (replace(method, weight=weight).adversarial_loss(outputs(relaxed), some) for weight in (2.0, 1.0))
    # <u', U_j> / K over the relaxed bank (half of the codes), of which the first four items are similar.
    products = [(0.1 * a + 0.2 * b) / 4 for a, b in TINY.banks.codes.tolist()]
    by_hand = sum((p - s) ** 2 for p, s in zip(products, [1, 1, 1, 1, -1], strict=True)) / 5
    assert float((heavy - light).detach()) == pytest.approx(by_hand, rel=1e-4)
    (of_model,) = torch.autograd.grad(light, relaxed, retain_graph=True)
    assert bool(of_model.any())
    of_head = torch.autograd.grad(light, list(head.parameters()))
    assert all(bool(gradient.any()) for gradient in of_head)


def test_atrdh_draws_labels_that_are_there_and_others_at_another_step() -> None:
    method = ATRDH()

    class Same(torch.nn.Module):
        def forward(self, labels: Tensor) -> Tensor:
            seen.append(labels)
            return labels[:, :2] - 0.5

    seen: list[Tensor] = []
    many = [[1, 1, 0, 0, 0]] * 40
    some = scene(many, TINY.banks.codes.int().tolist(), [*TINY.banks.labels.int().tolist()[1:], [0] * 5], head=Same())
    method.codes(some)
    method.codes(replace(some, step=replace(STEP, iteration=1)))
    first, second = seen
    assert {tuple(row) for row in first.int().tolist()} == {(1, 0, 1, 1, 0), (0, 0, 0, 0, 1)}
    assert not torch.equal(first, second)
    with pytest.raises(UsageError, match="no image"):
        method.codes(scene([[0, 0]], [[1, 1]], [[0, 0]], head=Same()))
    with pytest.raises(ContractError, match=r"scene\.head"):
        method.codes(TINY)


def test_a_model_of_unknown_origin_is_held_by_inner_products() -> None:
    class Own(InnerProducts):
        pass

    for method in METHODS:
        assert type(method().hash_objective(None)) is InnerProducts
        assert type(method().hash_objective(Own())) is Own
    relaxed = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert misfit(relaxed, relaxed, torch.tensor([[1.0, 0.0], [0.0, 1.0]])).item() == pytest.approx(
        ((0.5 - 1) ** 2 + 2 * (0.5 + 1) ** 2 + 0) / 4
    )


# --- presets ----------------------------------------------------------------------------------------------------------


def test_presets_are_what_their_repositories_run() -> None:
    host = PluginHost.load()

    def options(name: str) -> dict[str, object]:
        return as_plain(host.create(host.find(PluginKind.DEFENSE, name)))

    for name in ("cgat/released", "saat/released", "atrdh/released", "atrdh/saat"):
        found = options(name)
        shared = {"epsilon": 8 / 255, "step_size": 2 / 255, "steps": 7, "random_start": True, "inner_train": True}
        assert {key: found[key] for key in shared} == shared
        assert (found["batch_size"], found["schedule"]) == (32, "batch-milestones")
    assert (options("cgat")["jaccard"], options("cgat/released")["jaccard"]) == (True, False)
    assert [options("cgat/released")[name] for name in ("first_codes", "shared_bank")] == ["training", True]
    assert [options("cgat")[name] for name in ("first_codes", "shared_bank")] == ["evaluation", False]
    assert (options("saat")["shared_bank"], options("saat/released")["shared_bank"]) == (False, True)
    assert [options(name)["epochs"] for name in ("cgat/released", "saat/released", "atrdh/released")] == [30, 20, 100]
    assert options("atrdh/saat")["weight"] == 2.0
    for name in ("cgat", "saat", "atrdh"):
        assert options(f"{name}/fast")["steps"] == 3
        assert options(name)["inner_train"] is False
        assert options(name)["epsilon"] is None


def test_a_prototype_network_without_width_is_refused() -> None:
    with pytest.raises(OptionError, match="width=0"):
        ATRDH(width=0)


# --- robustness -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Flee(GradientAttack):
    """Away from the query's own code, bit by bit."""

    aim: Aim = Aim.AWAY

    def loss(self, logits: Tensor, aim: Tensor, progress: float) -> Tensor:
        return (1 - logits * aim).clamp_min(0).sum(1)


@dataclass(frozen=True, kw_only=True)
class Batchwise(Objective):
    """Pairs of a batch, in least squares."""

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return misfit(relaxed, pairs.codes, pairs.similar)


def toy_data() -> RetrievalData:
    images, labels = toy_images(160, seed=5)
    levels = ArrayImages((images * 255).round().to(torch.uint8))
    names = tuple(map(str, range(160)))
    parts = {
        name: Split.of_images(name=name, images=levels, labels=labels, ids=names)
        for name in ("query", "database", "train")
    }
    return RetrievalData(name="toy", classes=tuple("abcd"), **parts)


def turned(model: HashModel, epsilon: float) -> float:
    """Share of bits that an attack turns on new images."""
    model.eval().requires_grad_(requires_grad=False)
    images, labels = toy_images(40, seed=9)
    clean = model.codes(images)
    context = AttackContext(
        surrogate=Surrogate(model, Budget()),
        threat=Threat(epsilon=epsilon),
        random=Randomness(seed=0, purpose="test"),
    )
    found = Flee(steps=30)(AttackBatch(inputs=images, ids=torch.arange(40), labels=labels), context)
    return float((model.codes(found.inputs) != clean).float().mean())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_hardened_model_loses_fewer_bits(method: type[AdversarialTraining]) -> None:
    data = toy_data()
    victim = SmallVictim(bits=16)
    train(victim, Batchwise(), Recipe(epochs=10, batch_size=32, lr=1e-3), data, seed=0, device=CPU)
    made = method(epsilon=0.1, epochs=10, lr=1e-3, optimizer="adam", weight_decay=0.0)
    hardened = made.harden(victim, defense_context(data, seed=0, objective=Batchwise()))
    images, labels = toy_images(40, seed=9)
    codes = hardened.codes(images).float()
    similar = labels.float() @ labels.float().T > 0
    agreement = codes @ codes.T / 16
    assert agreement[similar].mean() > agreement[~similar].mean() + 0.5
    before, after = turned(victim, 0.1), turned(hardened, 0.1)
    assert after < 0.6 * before, (before, after)


def test_the_step_of_a_batch_is_finite_in_training() -> None:
    data = toy_data()
    model = SmallVictim(bits=16)
    for method in METHODS:
        step = method().step(None, epsilon=0.1)
        where = TrainStep(epoch=0, epochs=1, iteration=0, bits=16)
        step.start(model, data.train, where, CPU)
        assert len(step.state()["codes"]) == 160
