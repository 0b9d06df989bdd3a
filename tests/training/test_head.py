"""What an objective has beside the network: it learns, it survives being killed, it is no part of the model."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import ArrayImages, Backbone, HashModel, Objective, Pairs, RetrievalData, Split, TrainStep
from robusthash.errors import UsageError
from robusthash.hashing import binarise
from robusthash.testing import LinearVictim
from robusthash.training import (
    HashNetwork,
    ObjectiveStep,
    Recipe,
    build_network,
    encode,
    load_tensors,
    train,
    weights_digest,
)
from robusthash.training.networks import fold_batch_norm, put_batch_norm
from robusthash.training.trainer import make_optimizer, set_learning_rate

CPU = torch.device("cpu")
BITS = 12


@dataclass(frozen=True, kw_only=True)
class Tiny(Backbone):
    """Batch normalisation and dropout: what makes a resume hard."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    image_size: int = 8

    def build(self, weights: str) -> tuple[nn.Module, int]:
        layers = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2), nn.AdaptiveAvgPool2d(2))
        return nn.Sequential(*layers, nn.Flatten()), 32


@dataclass(frozen=True, kw_only=True)
class Classified(Objective):
    """A classifier of the codes, one that draws its start from torch's globals, with a buffer that it changes."""

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module:
        head = nn.Linear(bits, classes)
        head.register_buffer("calls", torch.zeros(()))
        return head

    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        assert isinstance(step.head, nn.Linear)
        step.head.get_buffer("calls").add_(1)
        weight = 1 + 1 / step.head.get_buffer("calls")
        return weight * nn.functional.cross_entropy(step.head(relaxed), labels.argmax(1))


@dataclass(frozen=True, kw_only=True)
class Normalised(Classified):
    """The same behind a batch normalisation."""

    batch_norm: ClassVar[bool] = True


def toy_data() -> RetrievalData:
    """Four classes, each a bright quadrant under noise."""
    classes = torch.arange(96) % 4
    images = torch.randint(0, 120, (96, 3, 8, 8), generator=torch.Generator().manual_seed(7), dtype=torch.uint8)
    for i, c in enumerate(classes.tolist()):
        images[i, :, (c // 2) * 4 : (c // 2 + 1) * 4, (c % 2) * 4 : (c % 2 + 1) * 4] += 130
    labels = nn.functional.one_hot(classes, 4).to(torch.uint8)

    def split(name: str) -> Split:
        return Split.of_images(name=name, images=ArrayImages(images), labels=labels, ids=tuple(map(str, range(96))))

    splits = {name: split(name) for name in ("query", "database", "train")}
    return RetrievalData(
        name="toy",
        classes=("a", "b", "c", "d"),
        query=splits["query"],
        database=splits["database"],
        train=splits["train"],
    )


RECIPE = Recipe(epochs=4, batch_size=16, lr=5e-3, augment="flip-crop")


def network(seed: int = 0) -> HashNetwork:
    return build_network(Tiny(), bits=BITS, image_size=8, weights="none", seed=seed)


def run(objective: Objective, recipe: Recipe = RECIPE, **more: Any) -> HashNetwork:
    model = network()
    train(model, objective, recipe, toy_data(), seed=0, device=CPU, **more)
    return model


class _Interrupted(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("objective", [Classified(), Normalised()], ids=["head", "head and batch norm"])
def test_a_broken_run_resumes_to_the_same_bytes(tmp_path: Path, objective: Objective, optimizer: Any) -> None:
    recipe = replace(RECIPE, optimizer=optimizer, schedule="cosine")
    undisturbed = run(objective, recipe)
    partial = tmp_path / "partial.safetensors"

    def stop(done: int, _total: int, _what: str) -> None:
        if done == 15:  # in the third of four epochs of six batches
            raise _Interrupted

    with pytest.raises(_Interrupted):
        run(objective, recipe, progress=stop, partial=partial, partial_seconds=0)
    torch.manual_seed(99)
    assert weights_digest(run(objective, recipe, partial=partial, partial_seconds=0)) == weights_digest(undisturbed)


def test_the_head_is_in_the_snapshot_learns_and_is_not_in_the_model(tmp_path: Path) -> None:
    seen: list[nn.Module | None] = []

    class Recorder(Classified):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            seen.append(step.head)
            return super().loss(relaxed, labels, pairs, step)

    partial = tmp_path / "partial.safetensors"
    model = run(Recorder(), partial=partial, partial_seconds=0)
    stored = load_tensors(partial)
    assert model.state_dict().keys() == network().state_dict().keys()
    head = seen[0]
    assert isinstance(head, nn.Linear)
    assert all(one is head for one in seen)
    loss = ObjectiveStep(Recorder(), seed=0)
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=BITS)
    loss.start(network(), toy_data().train, step, CPU)
    start = {name: tensor.clone() for name, tensor in loss.state().items()}
    assert start.keys() == {"head.weight", "head.bias", "head.calls"}
    assert not torch.equal(head.weight, start["head.weight"])
    assert torch.equal(stored["loss.head.weight"], head.weight)
    assert stored["loss.head.calls"] == len(seen) == 24
    loss.restore({f"head.{name}": tensor for name, tensor in head.state_dict().items()})
    assert torch.equal(loss.state()["head.weight"], head.weight)
    assert {id(p) for p in loss.parameters()} <= {id(p) for p in loss._head.parameters()}  # type: ignore[union-attr]  # started


def test_the_head_is_another_for_another_seed_and_starts_the_same_for_the_same() -> None:
    step = TrainStep(epoch=0, epochs=1, iteration=0, bits=BITS)
    starts = []
    for outside, seed in ((1, 0), (2, 0), (3, 1)):
        torch.manual_seed(outside)
        before = torch.get_rng_state()
        loss = ObjectiveStep(Classified(), seed=seed)
        loss.start(network(), toy_data().train, step, CPU)
        assert torch.equal(torch.get_rng_state(), before)
        starts.append(loss.state()["head.weight"])
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


def test_the_head_learns_at_the_hash_layers_rate() -> None:
    model, head = network(), nn.Linear(BITS, 4)
    optimizer = make_optimizer(Recipe(backbone_lr_scale=0.1), model, head.parameters())
    set_learning_rate(optimizer, 0.5)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rates[id(head.weight)] == rates[id(head.bias)] == rates[id(model.hash_layer.weight)] == 0.5
    assert len(rates) == len(list(model.parameters())) + 2
    plain = make_optimizer(Recipe(), model)
    assert len(plain.param_groups) == 2


def test_objectives_without_a_head_find_none() -> None:
    class Plain(Objective):
        def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
            assert step.head is None
            return (relaxed @ pairs.codes.T / BITS - 2 * pairs.similar + 1).square().mean()

    loss = ObjectiveStep(Plain())
    assert list(loss.parameters()) == []
    assert loss.state() == {}
    run(Plain(), replace(RECIPE, epochs=1))


# --- batch normalisation ----------------------------------------------------------------------------------------------


def test_the_folded_network_retrieves_what_the_loss_saw() -> None:
    model = network()
    put_batch_norm(model)
    images = toy_data().train.images.inputs(range(96))
    for _ in range(30):
        model(images)  # in training mode: running statistics of all images
    normalisation = model.hash_layer[1]  # type: ignore[index]  # linear, batch normalisation
    with torch.no_grad():
        normalisation.weight.uniform_(0.5, 2.0)
        normalisation.weight[3] = -1.5
        normalisation.bias.uniform_(-1.0, 1.0)
    before = encode(model, toy_data().train.images, device=CPU)
    fold_batch_norm(model)
    after = encode(model, toy_data().train.images, device=CPU)
    assert isinstance(model.hash_layer, nn.Linear)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    sure = before.abs() > 1e-3
    assert torch.equal(binarise(after)[sure], binarise(before)[sure])


def test_the_loss_sees_normalised_logits_and_the_stored_network_has_the_usual_shape() -> None:
    seen: list[Tensor] = []

    class Recorder(Normalised):
        def relax(self, logits: Tensor, step: TrainStep) -> Tensor:
            seen.append(logits.detach())
            return logits

    model = run(Recorder(), replace(RECIPE, epochs=1, augment="none"))
    torch.testing.assert_close(seen[0].mean(0), torch.zeros(BITS), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen[0].std(0, unbiased=False), torch.ones(BITS), atol=1e-2, rtol=0)
    assert model.state_dict().keys() == network().state_dict().keys()
    assert not model.training


def test_a_model_without_a_linear_hash_layer_is_told() -> None:
    model: HashModel = LinearVictim()
    with pytest.raises(UsageError, match="LinearVictim has no linear layer `hash_layer`"):
        put_batch_norm(model)
