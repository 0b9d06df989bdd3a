"""The training loop: what it computes, that it repeats, and that it survives being killed."""

import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from robusthash import devices
from robusthash.contracts import (
    ArrayImages,
    Backbone,
    Objective,
    OptimizerName,
    Pairs,
    Precision,
    RetrievalData,
    Split,
    TrainStep,
)
from robusthash.errors import CheckpointError, OptionError, RobustHashNote, TrainingError, UsageError
from robusthash.training import (
    HashNetwork,
    ObjectiveStep,
    Recipe,
    TrainingReport,
    build_network,
    encode,
    train,
    weights_digest,
)
from robusthash.training.trainer import (
    batches,
)

CPU = torch.device("cpu")

Augment = Literal["none", "crop", "flip-crop"]


@dataclass(frozen=True, kw_only=True)
class Tiny(Backbone):
    """A convolution with everything that makes a resume hard: batch normalisation and dropout."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    image_size: int = 8

    def build(self, weights: str) -> tuple[nn.Module, int]:
        layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(2)
        )
        return nn.Sequential(layers, nn.Flatten()), 32


@dataclass(frozen=True, kw_only=True)
class Pairwise(Objective):
    """A plain pair loss, written for these tests."""

    pairing: str = "bank"  # type: ignore[assignment]  # narrower in the contract
    scale: float = 1.0

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        wanted = 2 * pairs.similar - 1
        return self.scale * (relaxed @ pairs.codes.T / step.bits - wanted).square().mean()


def toy_data(items: int = 96, size: int = 8) -> RetrievalData:
    """Four classes, each a bright quadrant under noise."""
    generator = torch.Generator().manual_seed(7)
    classes = torch.arange(items) % 4
    images = torch.randint(0, 120, (items, 3, size, size), generator=generator, dtype=torch.uint8)
    half = size // 2
    for i, c in enumerate(classes.tolist()):
        images[i, :, (c // 2) * half : (c // 2 + 1) * half, (c % 2) * half : (c % 2 + 1) * half] += 130
    labels = nn.functional.one_hot(classes, 4).to(torch.uint8)

    def split(name: str) -> Split:
        return Split.of_images(name=name, images=ArrayImages(images), labels=labels, ids=tuple(map(str, range(items))))

    return RetrievalData(
        name="toy", classes=("a", "b", "c", "d"), query=split("query"), database=split("database"), train=split("train")
    )


RECIPE = Recipe(epochs=4, batch_size=16, lr=5e-3, augment="flip-crop")


def run(
    recipe: Recipe = RECIPE,
    *,
    seed: int = 0,
    objective: Objective | None = None,
    backbone: Backbone | None = None,
    partial: Path | None = None,
) -> tuple[HashNetwork, TrainingReport]:
    network = build_network(backbone or Tiny(), bits=12, image_size=8, weights="none", seed=seed)
    report = train(
        network,
        objective or Pairwise(),
        recipe,
        toy_data(),
        seed=seed,
        device=CPU,
        partial=partial,
        partial_seconds=0,
    )
    return network, report


def test_bf16_is_of_the_passes_alone() -> None:
    inside: list[torch.dtype] = []
    outputs: list[torch.dtype] = []

    class Watched(Pairwise):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            outputs.append(relaxed.dtype)
            return super().loss(relaxed, labels, pairs, step)

    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    network.hash_layer.register_forward_hook(lambda _part, _given, found: inside.append(found.dtype))
    recipe = replace(RECIPE, precision=Precision.BF16)
    report = train(network, Watched(), recipe, toy_data(), seed=0, device=CPU)
    assert inside.count(torch.bfloat16) == report.iterations == len(outputs)
    assert set(outputs) == {torch.float32}
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert report.probes[-1].map > 2 * report.probes[-1].floor
    assert "forward" not in vars(network)
    plain, _ = run()
    again, _ = run(recipe)
    assert weights_digest(network) == weights_digest(again) != weights_digest(plain)


@pytest.mark.parametrize(("computed", "notes"), [(True, 0), (False, 1)])
def test_bf16_that_is_only_emulated_is_noted_once(computed: bool, notes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_bfloat16", lambda _: computed)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RobustHashNote)
        run(replace(RECIPE, epochs=2, precision=Precision.BF16))
        run(replace(RECIPE, epochs=2))
    assert len([one for one in told if "emulates" in str(one.message)]) == notes


# --- the same again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_same_seed_same_bytes_and_global_randomness_untouched(optimizer: OptimizerName) -> None:
    recipe = replace(RECIPE, optimizer=optimizer, lr=0.02 if optimizer == "sgd" else 3e-3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, first_report = run(recipe)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second, second_report = run(recipe)
    assert weights_digest(first) == weights_digest(second)
    assert first_report == second_report
    assert weights_digest(first) != weights_digest(run(recipe, seed=1)[0])
    assert not first.training


def test_it_learns_and_reports_each_epoch() -> None:
    seen: list[tuple[int, int, str]] = []
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    report = train(
        network,
        Pairwise(),
        RECIPE,
        toy_data(),
        seed=0,
        device=CPU,
        progress=lambda done, total, what: seen.append((done, total, what)),
    )
    assert [done for done, _, _ in seen] == list(range(1, 25))
    assert {total for _, total, _ in seen} == {24}
    assert report.epochs == 4
    assert report.iterations == 24
    assert len(report.losses) == 4
    assert report.losses[-1] < report.losses[0]
    assert report.probes[-1].epoch == 4
    assert report.probes[-1].map > 2 * report.probes[-1].floor


_SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
sys.path.insert(0, {folder!r})
from test_loop import RECIPE, run
from robusthash.training import weights_digest
torch.set_num_threads({threads})
network, report = run(replace(RECIPE, epochs=40), partial=Path({partial!r}))
print(weights_digest(network), report)
"""


@pytest.mark.slow
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """With one optimizer; that a snapshot holds all of each is the next test's."""
    undisturbed, report = run(replace(RECIPE, epochs=40))
    partial = tmp_path / "partial.safetensors"
    script = _SCRIPT.format(
        folder=str(Path(__file__).parent),
        threads=torch.get_num_threads(),
        partial=str(partial),
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    kills = 0
    for pause in (0.0, 0.13):
        written = partial.stat().st_mtime_ns if partial.exists() else 0
        process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not partial.exists() or partial.stat().st_mtime_ns == written:
            assert process.poll() is None, "it finished before it could be killed"
            assert time.monotonic() < deadline, "no snapshot was written"
            time.sleep(0.005)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 1
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == f"{weights_digest(undisturbed)} {report}\n"


class _Interrupted(Exception):
    pass


@pytest.mark.parametrize(
    ("optimizer", "pairing", "average"),
    [
        *((optimizer, pairing, 0.0) for optimizer in ("sgd", "adam", "rmsprop") for pairing in ("bank", "batch")),
        ("adamw", "batch", 0.0),
        ("sgd", "bank", 0.9),
    ],
)
def test_a_run_broken_within_an_epoch_resumes_to_the_same_bytes(
    tmp_path: Path, optimizer: OptimizerName, pairing: str, average: float
) -> None:
    recipe = replace(RECIPE, optimizer=optimizer, schedule="cosine", average=average)
    objective = Pairwise(pairing=pairing)
    undisturbed, report = run(recipe, objective=objective)
    partial = tmp_path / "partial.safetensors"

    def stop(done: int, _total: int, _what: str) -> None:
        if done == 15:  # in the third of four epochs of six batches
            raise _Interrupted

    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    with pytest.raises(_Interrupted):
        train(
            network,
            objective,
            recipe,
            toy_data(),
            seed=0,
            device=CPU,
            progress=stop,
            partial=partial,
            partial_seconds=0,
        )
    resumed, resumed_report = run(recipe, objective=objective, partial=partial)
    assert weights_digest(resumed) == weights_digest(undisturbed)
    assert resumed_report == report


def test_another_trainings_snapshot_is_refused(tmp_path: Path) -> None:
    partial = tmp_path / "partial.safetensors"
    run(partial=partial)
    with pytest.raises(CheckpointError, match="another model"):
        run(seed=1, partial=partial)
    with pytest.raises(CheckpointError, match="another model"):
        run(objective=Pairwise(scale=2.0), partial=partial)
    partial.write_bytes(partial.read_bytes()[:200])
    with pytest.raises(CheckpointError, match="truncated"):
        run(partial=partial)


# --- the average ------------------------------------------------------------------------------------------------------


def first_weights(network: nn.Module) -> Tensor:
    """A copy of the first convolution's."""
    return next(part.weight.detach().clone() for part in network.modules() if isinstance(part, nn.Conv2d))


@dataclass(frozen=True, kw_only=True)
class Watched(Tiny):
    """It notes its first weights in each pass, by whether it was in training mode."""

    seen: dict[bool, list[Tensor]] = field(default_factory=lambda: {True: [], False: []})

    def build(self, weights: str) -> tuple[nn.Module, int]:
        layers, width = super().build(weights)
        layers.register_forward_pre_hook(lambda part, _inputs: self.seen[part.training].append(first_weights(part)))
        return layers, width


def test_what_is_probed_and_delivered_is_the_average_of_the_steps() -> None:
    recipe = replace(RECIPE, epochs=1, average=0.9)
    live, measured = Watched(), Watched()
    trained, report = run(replace(recipe, average=0.0), backbone=live)
    averaged, _ = run(recipe, backbone=measured)
    values = [*live.seen[True][-report.iterations :], first_weights(trained)]
    mean = values[0]
    for steps, value in enumerate(values[1:], start=1):
        decay = min(0.9, (1 + steps) / (10 + steps))
        mean = decay * mean + (1 - decay) * value
    torch.testing.assert_close(first_weights(averaged), mean)
    assert torch.equal(measured.seen[False][-1], first_weights(averaged))
    assert not torch.equal(first_weights(averaged), first_weights(trained))


# --- the bank ---------------------------------------------------------------------------------------------------------


def test_the_bank_starts_as_an_encoding_and_rows_are_written_before_the_loss() -> None:
    data = toy_data()
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    seen: list[Pairs] = []

    class Recorder(Pairwise):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            seen.append(Pairs(codes=pairs.codes.clone(), similar=pairs.similar))
            assert not pairs.codes.requires_grad
            return relaxed.sum()

    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=12)
    expected = torch.tanh(encode(network, data.train.images, device=CPU))
    loss = ObjectiveStep(Recorder())
    network.train()
    loss.start(network, data.train, step, CPU)
    assert network.training
    assert torch.equal(loss.state()["bank"], expected)
    batch = next(batches(data.train, RECIPE, seed=0, epoch=0, device=CPU))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss.loss(network, batch, step)
    rows = batch.indices
    others = torch.ones(len(data.train), dtype=torch.bool)
    others[rows] = False
    assert torch.equal(seen[0].codes[others], expected[others])
    assert not torch.equal(seen[0].codes[rows], expected[rows])
    by_hand = [
        [float((data.train.labels[int(i)] * data.train.labels[j]).sum() > 0) for j in range(len(data.train))]
        for i in rows
    ]
    assert torch.equal(seen[0].similar, torch.tensor(by_hand))
    # In evaluation mode and without augmentation, a written row is what an encoding would give.
    plain = next(batches(data.train, replace(RECIPE, augment="none"), seed=0, epoch=0, device=CPU))
    network.eval()
    loss.loss(network, plain, step)
    encoded = torch.tanh(encode(network, data.train.images, device=CPU))
    torch.testing.assert_close(seen[1].codes[rows], encoded[rows])


def test_batch_pairs_carry_gradient_on_both_sides() -> None:
    data = toy_data()
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)

    class Recorder(Pairwise):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            assert pairs.codes is relaxed
            assert pairs.similar.shape == (16, 16)
            assert bool((pairs.similar.diagonal() == 1).all())
            return relaxed.sum()

    batch = next(batches(data.train, RECIPE, seed=0, epoch=0, device=CPU))
    loss = ObjectiveStep(Recorder(pairing="batch"))
    assert loss.state() == {}
    loss.loss(network, batch, TrainStep(epoch=0, epochs=1, iteration=0, bits=12))


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_names_epoch_and_batch() -> None:
    class Poison(Pairwise):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            value = super().loss(relaxed, labels, pairs, step)
            return value * float("nan") if step.iteration == 8 else value

    with pytest.raises(TrainingError, match=r"nan at epoch 2/4, batch 3/6.*recipe\.lr"):
        run(objective=Poison())


def test_a_collapsed_model_is_refused() -> None:
    class Same(Pairwise):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            return (relaxed - 1).square().mean()

    with pytest.raises(TrainingError, match=r"collapsed.*12 of 12 bits.*recipe\.epochs"):
        run(replace(RECIPE, epochs=12, lr=0.05), objective=Same())


def test_images_of_another_size_are_refused() -> None:
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    with pytest.raises(UsageError, match=r"\(3, 8, 8\).*\(3, 16, 16\)"):
        train(network, Pairwise(), RECIPE, toy_data(size=16), seed=0, device=CPU)


@pytest.mark.parametrize(
    ("field", "value"), [("lr", 0.0), ("epochs", 0), ("batch_size", 1), ("momentum", -0.1), ("step_epochs", 0)]
)
def test_recipes_out_of_range_are_refused(field: str, value: float) -> None:
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(OptionError, match=field):
        replace(RECIPE, **wrong)
    with pytest.raises(OptionError, match="nesterov"):
        Recipe(optimizer="adam", nesterov=True)
