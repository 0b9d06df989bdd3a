"""The training loop: what it computes, that it repeats, and that it survives being killed."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import ArrayImages, Backbone, Objective, Pairs, RetrievalData, Split, TrainStep
from robusthash.errors import CheckpointError, OptionError, TrainingError, UsageError
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
    augmented,
    batches,
    epoch_order,
    learning_rate,
    make_optimizer,
    set_learning_rate,
)
from robusthash.training.trainer.probing import probe

CPU = torch.device("cpu")

Optimizer = Literal["sgd", "adam", "rmsprop"]
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
    recipe: Recipe = RECIPE, *, seed: int = 0, objective: Objective | None = None, partial: Path | None = None
) -> tuple[HashNetwork, TrainingReport]:
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=seed)
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


# --- the same again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_same_seed_same_bytes_and_global_randomness_untouched(optimizer: Optimizer) -> None:
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
network, report = run(replace(RECIPE, epochs=40, optimizer={optimizer!r}), partial=Path({partial!r}))
print(weights_digest(network), report)
"""


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_a_run_killed_at_any_moment_ends_with_the_same_bytes(tmp_path: Path, optimizer: Optimizer) -> None:
    undisturbed, report = run(replace(RECIPE, epochs=40, optimizer=optimizer))
    partial = tmp_path / "partial.safetensors"
    script = _SCRIPT.format(
        folder=str(Path(__file__).parent),
        threads=torch.get_num_threads(),
        optimizer=optimizer,
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


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("pairing", ["bank", "batch"])
def test_a_run_broken_within_an_epoch_resumes_to_the_same_bytes(
    tmp_path: Path, optimizer: Optimizer, pairing: str
) -> None:
    recipe = replace(RECIPE, optimizer=optimizer, schedule="cosine")
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


# --- batches ----------------------------------------------------------------------------------------------------------


def test_every_item_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    split = toy_data(items=50).train
    plain = replace(RECIPE, augment="none")
    orders = []
    for epoch in (0, 1):
        parts = list(batches(split, plain, seed=3, epoch=epoch, device=CPU))
        order = torch.cat([part.indices for part in parts])
        assert sorted(order.tolist()) == list(range(50))
        assert torch.equal(order, epoch_order(50, seed=3, epoch=epoch))
        assert [len(part.indices) for part in parts] == [16, 16, 16, 2]
        images = torch.cat([part.images for part in parts])
        assert torch.equal(images, split.images.inputs(order.tolist()))
        orders.append(order)
    assert not torch.equal(orders[0], orders[1])


def test_a_last_batch_of_one_image_is_left_out() -> None:
    parts = list(batches(toy_data(items=49).train, RECIPE, seed=0, epoch=0, device=CPU))
    assert [len(part.indices) for part in parts] == [16, 16, 16]


def test_an_unreadable_image_fails_the_epoch() -> None:
    split = toy_data(items=40).train

    class Broken(ArrayImages):
        def read(self, indices: object) -> Tensor:
            raise UsageError("image 3 is broken")

    broken = Split.of_images(
        name="train", images=Broken(torch.zeros(40, 3, 8, 8).byte()), labels=split.labels, ids=split.ids
    )
    with pytest.raises(UsageError, match="image 3"):
        list(batches(broken, RECIPE, seed=0, epoch=0, device=CPU))


def test_augmentation_depends_on_seed_epoch_and_item_alone() -> None:
    images = torch.randint(1, 255, (6, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([5, 9, 2, 31, 8, 7])
    whole = augmented(images, ids, RECIPE, seed=0, epoch=3)
    assert whole.dtype == torch.uint8
    order = torch.tensor([4, 0, 5])
    assert torch.equal(augmented(images[order], ids[order], RECIPE, seed=0, epoch=3), whole[order])
    assert not torch.equal(augmented(images, ids, RECIPE, seed=0, epoch=4), whole)
    assert not torch.equal(augmented(images, ids, RECIPE, seed=1, epoch=3), whole)


@pytest.mark.parametrize(("augment", "flips"), [("crop", False), ("flip-crop", True)])
def test_augmentation_is_a_shift_and_a_flip(augment: Augment, flips: bool) -> None:
    recipe = replace(RECIPE, augment=augment)
    count = 64
    images = torch.randint(1, 255, (count, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = set()
    result = augmented(images, torch.arange(count), recipe, seed=0, epoch=0)
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    for i in range(count):
        windows = {(dy, dx): padded[i, :, dy : dy + 16, dx : dx + 16] for dy in range(5) for dx in range(5)}
        matches = [(*at, False) for at, window in windows.items() if torch.equal(result[i], window)]
        matches += [(*at, True) for at, window in windows.items() if torch.equal(result[i], window.flip(2))]
        assert len(matches) == 1
        found.add(matches[0])
    assert {dy for dy, _, _ in found} == set(range(5)) == {dx for _, dx, _ in found}
    assert {flip for _, _, flip in found} == ({False, True} if flips else {False})


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


# --- network, optimiser, schedule -------------------------------------------------------------------------------------


def test_the_network_normalises_inside_and_its_start_is_seeded() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    again = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    other = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=1)
    assert weights_digest(network) == weights_digest(again) != weights_digest(other)
    images = torch.rand(3, 3, 8, 8)
    network.eval()
    by_hand = network.hash_layer(network.features((images - 0.5) / 0.5))
    assert torch.equal(network(images), by_hand)
    assert not any(parameter is network.mean for parameter in network.parameters())


def test_the_hash_layers_start_follows_the_backbone() -> None:
    class Narrow(Tiny):
        hash_init_std = 0.01

    layer = build_network(Narrow(), bits=512, image_size=8, weights="none", seed=0).hash_layer
    assert float(layer.weight.detach().std()) == pytest.approx(0.01, rel=0.05)
    assert not layer.bias.any()


def test_a_backbone_that_cannot_take_the_size_says_so() -> None:
    class Big(Tiny):
        def build(self, weights: str) -> tuple[nn.Module, int]:
            return nn.Sequential(nn.Conv2d(3, 8, 11), nn.Flatten()), 8

    with pytest.raises(UsageError, match="Big cannot take 8x8 images"):
        build_network(Big(), bits=12, image_size=8, weights="none", seed=0)


def test_the_backbone_learns_at_its_share_of_the_rate() -> None:
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    optimizer = make_optimizer(Recipe(backbone_lr_scale=0.1), network)
    set_learning_rate(optimizer, 0.5)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates[id(network.hash_layer.weight)] == 0.5
    assert {rates[id(p)] for p in network.features.parameters()} == {0.05}
    assert len(rates) == len(list(network.parameters()))


def test_schedules() -> None:
    cosine = Recipe(schedule="cosine", lr=1.0, epochs=4)
    assert [round(learning_rate(cosine, e), 4) for e in range(4)] == [1.0, 0.8536, 0.5, 0.1464]
    halving = Recipe(schedule="step", lr=1.0, epochs=10, step_factor=0.5, step_epochs=2)
    assert [learning_rate(halving, e) for e in range(6)] == [1, 1, 1, 0.5, 0.5, 0.25]
    short = Recipe(schedule="step", lr=1.0, epochs=2)
    assert [learning_rate(short, e) for e in range(2)] == [1.0, 1.0]


def test_the_probe_searches_train_items_among_others_and_knows_its_floor() -> None:
    data = toy_data()
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    first = probe(network, data.train, seed=0, epoch=1, device=CPU)
    assert network.training
    assert first == probe(network, data.train, seed=0, epoch=1, device=CPU)

    class Oracle(HashNetwork):
        def forward(self, inputs: Tensor) -> Tensor:
            quadrants = nn.functional.adaptive_avg_pool2d(inputs.mean(1, keepdim=True), 2).flatten(1)
            return 2 * nn.functional.one_hot(quadrants.argmax(1), 12).float() - 1

    oracle = Oracle(nn.Flatten(), 192, bits=12, image_size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    best = probe(oracle, data.train, seed=0, epoch=1, device=CPU)
    assert best.map == pytest.approx(1.0)
    assert best.constant_bits == 8
    assert 0.2 < best.floor < 0.35


def test_milestones_drop_the_rate_at_half_and_at_three_quarters() -> None:
    recipe = Recipe(lr=1.0, schedule="milestones", epochs=8)
    assert [round(learning_rate(recipe, epoch), 6) for epoch in range(8)] == [1.0] * 4 + [0.1] * 2 + [0.01] * 2
