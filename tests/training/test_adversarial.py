"""Adversarial training: its banks, its inner attack, whose gradient goes where, and that it repeats."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import (
    ArrayImages,
    DefenseContext,
    HashModel,
    Modality,
    Norm,
    Objective,
    Pairs,
    Progress,
    RetrievalData,
    Snapshots,
    Split,
    Threat,
    TrainBatch,
    TrainingReport,
    TrainStep,
    evaluating,
    silent,
)
from robusthash.errors import CapabilityError, ContractError, OptionError
from robusthash.hashing import centre, sign
from robusthash.testing import toy_images
from robusthash.training import (
    AdversarialTraining,
    Banks,
    HashNetwork,
    ObjectiveStep,
    Outputs,
    Scene,
    defense_context,
    encode,
    weights_digest,
)
from robusthash.training.hardening import AdversarialStep
from robusthash.training.hardening.inner_attack import descend_within

CPU = torch.device("cpu")
STEP = TrainStep(epoch=0, epochs=2, iteration=0, bits=8)


class Net(HashModel):
    """A convolution with everything that has a mode: batch normalisation and dropout."""

    def __init__(self, bits: int = 8, seed: int = 0) -> None:
        super().__init__()
        self.bits = bits
        self.modality = Modality.image(16)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.features = nn.Sequential(
                nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.2), nn.AvgPool2d(2)
            )
            self.hash_layer = nn.Linear(54, bits)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.hash_layer(self.features(inputs - 0.5).flatten(1))
        return logits


@dataclass(frozen=True, kw_only=True)
class Pairwise(Objective):
    """A plain pair loss."""

    pairing: Literal["bank", "batch"] = "bank"

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        return (relaxed @ pairs.codes.T / step.bits - (2 * pairs.similar - 1)).square().mean()


@dataclass(frozen=True, kw_only=True)
class Away(AdversarialTraining):
    """Away from the centre codes."""

    def codes(self, scene: Scene) -> Tensor:
        return centre(scene.labels, scene.banks.codes, scene.banks.labels).to(scene.banks.codes)

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        return -(crafted.relaxed * self.codes(scene)).mean()


@dataclass(frozen=True, kw_only=True)
class Learning(Away):
    """The same, with a code that is learnt beside the model."""

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module:
        layer = nn.Linear(classes, bits)
        with torch.no_grad():
            layer.weight.fill_(0.1)
            layer.bias.fill_(0.1 * seed)
        return layer

    def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
        assert scene.head is not None
        return super().adversarial_loss(crafted, scene) + scene.head(scene.labels).square().mean()


@dataclass(frozen=True, kw_only=True)
class Distilling(Away):
    """The same, by the codes of the model as it came."""

    distils: ClassVar[bool] = True

    def codes(self, scene: Scene) -> Tensor:
        return sign(scene.taught.logits)


def toy_data(items: int = 48, *, unlabelled: int = 0) -> RetrievalData:
    images, labels = toy_images(items, seed=5)
    labels[:unlabelled] = 0
    levels = ArrayImages((images * 255).round().to(torch.uint8))
    parts = {
        name: Split.of_images(name=name, images=levels, labels=labels, ids=tuple(map(str, range(items))))
        for name in ("query", "database", "train")
    }
    return RetrievalData(name="toy", classes=("a", "b", "c", "d"), **parts)


DATA = toy_data()
BRIEF = {"epochs": 3, "batch_size": 16, "steps": 3, "epsilon": 0.1}


def away(**options: object) -> Away:
    return Away(**{**BRIEF, **options})  # type: ignore[arg-type]  # by name, checked by the class


def started(
    method: AdversarialTraining, model: HashModel, data: RetrievalData = DATA, *, epsilon: float = 0.1
) -> AdversarialStep:
    step = method.step(ObjectiveStep(Pairwise()), epsilon=epsilon)
    step.start(model, data.train, STEP, CPU)
    return step


def batch(data: RetrievalData = DATA, rows: int = 16) -> TrainBatch:
    return TrainBatch(
        views={"image": data.train.images.inputs(range(rows))},
        labels=data.train.labels[:rows].float(),
        indices=torch.arange(rows),
    )


def scene(step: AdversarialStep, of: TrainBatch, *, epoch: int = 0) -> Scene:
    where = replace(STEP, epoch=epoch)
    return Scene(labels=of.labels, head=None, random=step.random, step=where, recall=lambda: step.banks)


# --- banks ------------------------------------------------------------------------------------------------------------


def test_the_banks_start_as_an_encoding_and_share_no_memory() -> None:
    model = Net().train()
    banks = started(away(), model).banks
    logits = encode(model, DATA.train.images, device=CPU)
    assert torch.equal(banks.codes, sign(logits))
    assert torch.equal(banks.relaxed, torch.tanh(logits))
    assert banks.codes.untyped_storage().data_ptr() != banks.relaxed.untyped_storage().data_ptr()
    assert model.training


def test_rows_are_written_between_the_crafting_and_the_loss_and_codes_stay_binary() -> None:
    seen: list[Tensor] = []

    class Watching(Away):
        def codes(self, scene: Scene) -> Tensor:
            seen.append(scene.banks.codes.clone())
            return super().codes(scene)

    model = Net().train()
    step = started(Watching(**BRIEF), model)  # type: ignore[arg-type]  # as in away
    step.banks.codes[:] = 1.0
    before = step.banks.relaxed.clone()
    step.loss(model, batch(), STEP)
    crafting, losing = seen
    assert bool((crafting == 1).all())
    assert torch.equal(losing[16:], crafting[16:])
    assert not torch.equal(losing[:16], crafting[:16])
    assert torch.equal(step.banks.codes[:16], sign(step.banks.relaxed[:16]))
    assert set(step.banks.codes.unique().tolist()) <= {-1.0, 1.0}
    assert torch.equal(step.banks.relaxed[16:], before[16:])
    assert not step.banks.codes.requires_grad
    assert not step.banks.relaxed.requires_grad


def test_distinct_labels_leave_out_that_of_items_without() -> None:
    labels = torch.tensor([[0, 0], [1, 0], [1, 0], [1, 1]])
    assert Banks.of(torch.zeros(4, 3), labels).distinct.tolist() == [[1, 0], [1, 1]]


# --- the inner attack -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.03, 0.4])
@pytest.mark.parametrize("random_start", [False, True])
def test_it_stays_in_ball_and_box_and_lowers_what_it_minimises(epsilon: float, random_start: bool) -> None:
    model = Net()
    method = away(random_start=random_start)
    step = method.step(None, epsilon=epsilon)
    step.start(model, DATA.train, STEP, CPU)
    one = batch()
    crafted = step.crafted(model, one, scene(step, one))
    assert bool(Threat(epsilon=epsilon).contains(crafted, one.images).all())
    model.eval()
    codes = method.codes(scene(step, one))
    before, after = (method.inner_loss(Outputs.of(model, images), codes) for images in (one.images, crafted))
    assert bool((after < before).all())
    moved = (crafted - one.images).abs().amax()
    assert float(moved) == pytest.approx(epsilon, abs=1e-6) if random_start else 0.7 * epsilon < float(moved)


def _sum(found: Outputs) -> Tensor:
    return found.relaxed.sum(1)


def test_sign_steps_of_a_linear_model_end_at_the_optimum() -> None:
    class Linear(Net):
        def forward(self, inputs: Tensor) -> Tensor:
            return self.hash_layer(inputs.flatten(1)[:, :54] - 0.5)  # type: ignore[no-any-return]  # a layer's call

    model = Linear(bits=1)
    clean = torch.full((2, 3, 16, 16), 0.5)
    clean[1] = 0.98
    found = descend_within(model, clean, clean, _sum, Threat(epsilon=0.1), steps=4, size=0.05)
    direction = -model.hash_layer.weight.sign().flatten()
    expected = (clean.flatten(1)[:, :54] + 0.1 * direction).clamp(0, 1)
    torch.testing.assert_close(found.flatten(1)[:, :54], expected)
    assert torch.equal(found.flatten(1)[:, 54:], clean.flatten(1)[:, 54:])


def test_within_a_length_steps_go_along_the_gradient() -> None:
    model, one = Net(), batch()
    for size in (0.4, 1.5):
        step = started(away(norm=Norm.L2, random_start=True), model, epsilon=size)
        inner = step.inners["image"]
        assert (inner.threat.norm, inner.threat.epsilon, inner.size) == (Norm.L2, size, size / 4)
        crafted = step.crafted(model, one, scene(step, one))
        changed = (crafted - one.images).flatten(1).norm(dim=1)
        assert bool(inner.threat.contains(crafted, one.images).all())
        torch.testing.assert_close(changed, torch.full_like(changed, size), rtol=1e-3, atol=0)
    assert inner.weaker(0.5).threat.epsilon == pytest.approx(192 / 255)


def test_a_norm_that_counts_is_none_of_a_radius() -> None:
    with pytest.raises(OptionError, match="edits"):
        away(norm=Norm.TAGS)


def test_each_epoch_and_item_starts_elsewhere_whatever_its_batch() -> None:
    model = Net()
    # One step too small to see: what is left is the start.
    step = started(away(steps=1, step_size=1e-9), model)
    one = batch()
    first, again, later = (step.crafted(model, one, scene(step, one, epoch=epoch)) for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    few = TrainBatch(views={"image": one.images[3:5]}, labels=one.labels[3:5], indices=one.indices[3:5])
    torch.testing.assert_close(step.crafted(model, few, scene(step, few)), first[3:5])


@pytest.mark.parametrize("inner_train", [False, True])
def test_the_model_is_attacked_in_evaluation_mode_unless_asked(inner_train: bool) -> None:
    model = Net().train()
    model.features[0].eval()  # a flag of its own must survive
    flags = [part.training for part in model.modules()]
    needs = [parameter.requires_grad for parameter in model.parameters()]
    step = started(away(inner_train=inner_train), model)
    modes: list[bool] = []
    model.register_forward_hook(lambda module, _inputs, _output: modes.append(module.training))
    statistics = model.features[1].running_mean.clone()  # type: ignore[union-attr,operator]  # a buffer
    one = batch()
    step.crafted(model, one, scene(step, one))
    assert modes == [inner_train] * 3
    assert torch.equal(model.features[1].running_mean, statistics) is not inner_train  # type: ignore[arg-type]  # a buffer
    assert [part.training for part in model.modules()] == flags
    assert [parameter.requires_grad for parameter in model.parameters()] == needs


def test_no_gradient_leaks_between_attack_and_training() -> None:
    model = Net().train()
    step = started(away(), model)
    one = batch()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    crafted = step.crafted(model, one, scene(step, one))
    assert not crafted.requires_grad
    assert all(bool((parameter.grad == 3.0).all()) for parameter in model.parameters() if parameter.grad is not None)
    model.zero_grad()
    step.loss(model, one, STEP).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in model.hash_layer.parameters())


def test_the_loss_is_the_hash_loss_of_the_clean_plus_the_adversarial_one() -> None:
    model = Net().eval()  # so that every pass gives the same
    method = away(random_start=False)
    whole, clean, alone = (
        method.step(ObjectiveStep(Pairwise()), epsilon=0.1),
        ObjectiveStep(Pairwise()),
        method.step(None, epsilon=0.1),
    )
    for step in (whole, clean, alone):
        step.start(model, DATA.train, STEP, CPU)
    one = batch()
    parts = clean.loss(model, one, STEP) + alone.loss(model, one, STEP)
    torch.testing.assert_close(whole.loss(model, one, STEP), parts)


# --- outputs, clean and taught ----------------------------------------------------------------------------------------


def test_outputs_of_a_model_in_layers_have_the_inputs_of_its_hash_layer() -> None:
    features = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten())
    middle = (0.5, 0.5, 0.5)
    network = HashNetwork(features, 4 * 7 * 7, bits=8, image_size=16, mean=middle, std=middle).eval()
    one = batch()
    found = Outputs.of(network, one.images)
    assert found.features is not None
    assert torch.equal(found.features, network.hidden(one.images))
    assert torch.equal(found.logits, network(one.images))
    assert torch.equal(found.relaxed, torch.tanh(found.logits))
    assert not network.hash_layer._forward_pre_hooks
    assert Outputs.of(Net().eval(), one.images).features is None


def test_consistency_is_the_divergence_of_the_attacked_codes_from_the_clean_ones() -> None:
    model = Net().eval()  # so that every pass gives the same
    plain, weighted = started(away(), model), started(away(consistency=3.0), model)
    one = batch()
    crafted = weighted.crafted(model, one, scene(weighted, one))
    p, q = (torch.sigmoid(2 * model(inputs)) for inputs in (one.images, crafted))
    by_hand = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).mean()
    assert by_hand > 0
    more = weighted.loss(model, one, STEP) - plain.loss(model, one, STEP)
    torch.testing.assert_close(more, 3 * by_hand, rtol=1e-4, atol=1e-5)


def test_consistency_has_a_gradient_on_both_sides() -> None:
    class Nothing(Away):
        def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
            seen.append((scene.clean, crafted))
            return 0 * crafted.logits.sum()

    seen: list[tuple[Outputs, Outputs]] = []
    model = Net().train()
    step = Nothing(**{**BRIEF, "consistency": 1.0}).step(None, epsilon=0.1)  # type: ignore[arg-type]  # as in away
    step.start(model, DATA.train, STEP, CPU)
    value = step.loss(model, batch(), STEP)
    clean, crafted = seen[0]
    of_clean, of_crafted = torch.autograd.grad(value, [clean.logits, crafted.logits])
    assert bool(of_clean.any())
    assert bool(of_crafted.any())


def test_the_clean_outputs_are_at_rest_in_the_attack_and_learnt_from_in_the_loss() -> None:
    class Comparing(Away):
        def codes(self, scene: Scene) -> Tensor:
            seen.append(scene.clean)
            return sign(scene.clean.logits)

    seen: list[Outputs] = []
    model = Net().train()
    step = started(Comparing(**BRIEF), model)  # type: ignore[arg-type]  # as in away
    one = batch()
    with evaluating(model), torch.no_grad():
        at_rest = model(one.images)
    step.loss(model, one, STEP)
    attack, loss = seen
    assert torch.equal(attack.logits, at_rest)
    assert not attack.logits.requires_grad
    assert loss.logits.requires_grad
    assert not torch.equal(loss.logits.detach(), at_rest)  # dropout and the batch's statistics


def test_a_teacher_is_the_model_as_it_came() -> None:
    model = Net().train()
    step = started(Distilling(**BRIEF), model)  # type: ignore[arg-type]  # as in away
    one, seen = batch(), []
    with evaluating(model), torch.no_grad():
        before = model(one.images)
        for parameter in model.parameters():
            parameter.add_(1.0)

    class Watching(Distilling):
        def adversarial_loss(self, crafted: Outputs, scene: Scene) -> Tensor:
            seen.append(scene.taught)
            return super().adversarial_loss(crafted, scene)

    step.method = Watching(**BRIEF)  # type: ignore[arg-type]  # as in away
    step.loss(model, one, STEP).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    assert torch.equal(seen[0].logits, before)
    assert not seen[0].logits.requires_grad
    assert {name.partition(".")[0] for name in step.state()} == {"codes", "relaxed", "clean"}  # it is not stored
    ids = {id(parameter) for parameter in model.parameters()}
    assert all(id(parameter) in ids for parameter in step.parameters())


def test_what_is_not_there_is_said() -> None:
    class Untaught(Away):
        def codes(self, scene: Scene) -> Tensor:
            return sign(scene.taught.logits)

    model, one = Net(), batch()
    step = started(Untaught(**BRIEF), model)  # type: ignore[arg-type]  # as in away
    with pytest.raises(ContractError, match="distils = True"):
        step.loss(model, one, STEP)
    with pytest.raises(ContractError, match="no model"):
        _ = scene(step, one).clean

    class Unbanked(Away):
        banked = False

    step = started(Unbanked(**BRIEF), model)  # type: ignore[arg-type]  # as in away
    assert not {"codes", "relaxed"} & step.state().keys()
    with pytest.raises(ContractError, match="banked = False"):
        step.loss(model, one, STEP)


@pytest.mark.parametrize("wrong", [{"random_start": False}, {"edits": 1}])
def test_an_attack_without_slope_at_its_start_needs_another_start(wrong: dict[str, object]) -> None:
    class Apart(Away):
        needs_start: ClassVar[bool] = True

    with pytest.raises(OptionError, match="no slope"):
        Apart(**{**BRIEF, **wrong})  # type: ignore[arg-type]  # as in away
    assert Apart(**BRIEF).random_start  # type: ignore[arg-type]  # as in away


# --- the whole --------------------------------------------------------------------------------------------------------


def harden(method: AdversarialTraining, *, partial: Path | None = None, progress: Progress = silent) -> HashModel:
    snapshots = Snapshots(partial, "test", seconds=0)
    context = defense_context(DATA, seed=0, objective=Pairwise(), snapshots=snapshots, progress=progress)
    return method.harden(Net(bits=8).eval(), context)


class _Interrupted(Exception):
    pass


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Away, {"optimizer": "sgd"}),
        (Away, {"optimizer": "adam"}),
        (Away, {"consistency": 0.5, "average": 0.9, "ramp": 1.0}),
        (Learning, {"optimizer": "sgd"}),
        (Learning, {"optimizer": "adam"}),
        (Distilling, {"average": 0.9}),
    ],
)
def test_a_hardening_broken_within_an_epoch_resumes_to_the_same_bytes(
    tmp_path: Path, kind: type[Away], options: dict[str, object]
) -> None:
    method = kind(**{**BRIEF, "lr": 0.01, **options})  # type: ignore[arg-type]  # as in away
    torch.manual_seed(1)
    undisturbed = harden(method)
    partial = tmp_path / "partial.safetensors"

    def stop(done: int, _total: int, _what: str) -> None:
        if done == 8:  # in the last of three epochs of three batches
            raise _Interrupted

    with pytest.raises(_Interrupted):
        harden(method, partial=partial, progress=stop)
    torch.manual_seed(2)
    steps: list[int] = []
    resumed = harden(method, partial=partial, progress=lambda done, _total, _what: steps.append(done))
    assert steps == [7, 8, 9]
    assert weights_digest(resumed) == weights_digest(undisturbed)
    other = replace(method, steps=4)  # it has nothing to go on from
    assert weights_digest(harden(other, partial=partial)) == weights_digest(harden(other))
    assert not undisturbed.training


def test_a_context_without_a_trainer_says_so() -> None:
    with pytest.raises(CapabilityError, match=r"cannot train.*defense_context"):
        away().harden(Net().eval(), DefenseContext(data=DATA, seed=0))


def test_a_defense_of_several_trainings_resumes_the_one_that_was_broken(tmp_path: Path) -> None:
    class Twice(Away):
        def train(self, model: HashModel, context: DefenseContext) -> tuple[HashModel, TrainingReport]:
            once, _ = super().train(model, context)
            return super().train(once, context)

    method = Twice(**BRIEF)  # type: ignore[arg-type]  # as in away
    undisturbed = harden(method)
    calls: list[int] = []

    def stop(done: int, _total: int, _what: str) -> None:
        calls.append(done)
        if len(calls) == 17:  # the last batch but one of the second training
            raise _Interrupted

    partial = tmp_path / "partial"
    with pytest.raises(_Interrupted):
        harden(method, partial=partial, progress=stop)
    assert len(list(tmp_path.iterdir())) == 2
    steps: list[int] = []
    resumed = harden(method, partial=partial, progress=lambda done, _total, _what: steps.append(done))
    assert steps == [7, 8, 9]  # the first is whole, and its state is loaded
    assert weights_digest(resumed) == weights_digest(undisturbed)
    Snapshots(partial, "test").remove()
    assert not list(tmp_path.iterdir())


def test_what_the_method_learns_beside_the_model_is_trained_and_kept() -> None:
    model = Net().train()
    step = started(Learning(**BRIEF), model)  # type: ignore[arg-type]  # as in away
    learnt = list(step.parameters())
    assert [tuple(parameter.shape) for parameter in learnt] == [(8, 4), (8,)]
    step.loss(model, batch(), STEP).backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in learnt)
    state = {name: tensor.clone() for name, tensor in step.state().items()}
    assert {"codes", "relaxed", "clean.bank", "head.weight", "head.bias"} == set(state)
    other = started(Learning(**BRIEF), Net(seed=1))  # type: ignore[arg-type]  # as in away
    other.restore(state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.state().items())
    assert torch.equal(other.banks.labels, step.banks.labels)


def test_the_model_given_stays_as_it_is() -> None:
    model = Net().eval().requires_grad_(requires_grad=False)
    before = weights_digest(model)
    hardened = away().harden(model, defense_context(DATA, seed=0, objective=Pairwise()))
    assert weights_digest(model) == before != weights_digest(hardened)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not model.training


def test_images_without_labels_give_no_nan() -> None:
    data = toy_data(unlabelled=16)
    model = Net().train()
    step = started(away(), model, data)
    loss = step.loss(model, batch(data), STEP)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    assert bool(loss.isfinite())
    assert all(parameter.grad is not None and bool(parameter.grad.isfinite().all()) for parameter in model.parameters())


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"epsilon": 0.0},
        {"step_size": -0.1},
        {"lr": 0.0},
        {"epochs": 0},
        {"consistency": -0.1},
        {"consistency": float("nan")},
        {"average": 1.0},
    ],
)
def test_what_makes_no_training_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        away(**options)
