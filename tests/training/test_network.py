"""The network that is trained, the learning rates of its parts, and the probe that watches its retrieval."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import ArrayImages, Backbone, HashModel, Modality, Recipe, Space, Split
from robusthash.errors import TrainingError, UsageError
from robusthash.specs import Distance
from robusthash.training import HashNetwork, build_network, refuse_ruined, weights_digest
from robusthash.training.trainer import learning_rate, make_optimizer, set_learning_rate
from robusthash.training.trainer.probing import probe, refuse_collapsed

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Tiny(Backbone):
    """A convolution and a pooling."""

    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    image_size: int = 8

    def build(self, weights: str) -> tuple[nn.Module, int]:
        layers = (nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        return nn.Sequential(*layers), 32


def quadrants(items: int = 96) -> Split:
    """Four classes, each a bright quadrant under noise."""
    classes = torch.arange(items) % 4
    images = torch.randint(0, 120, (items, 3, 8, 8), generator=torch.Generator().manual_seed(7), dtype=torch.uint8)
    for i, c in enumerate(classes.tolist()):
        images[i, :, (c // 2) * 4 : (c // 2 + 1) * 4, (c % 2) * 4 : (c % 2 + 1) * 4] += 130
    labels = nn.functional.one_hot(classes, 4).to(torch.uint8)
    return Split.of_images(name="train", images=ArrayImages(images), labels=labels, ids=tuple(map(str, range(items))))


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

    with pytest.raises(UsageError, match=r"Big .*cannot take 8x8 images"):
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
    split = quadrants()
    network = build_network(Tiny(), bits=12, image_size=8, weights="none", seed=0)
    first = probe(network, split, seed=0, epoch=1, device=CPU)
    assert network.training
    assert first == probe(network, split, seed=0, epoch=1, device=CPU)

    class Oracle(HashNetwork):
        def forward(self, inputs: Tensor) -> Tensor:
            quadrants = nn.functional.adaptive_avg_pool2d(inputs.mean(1, keepdim=True), 2).flatten(1)
            return 2 * nn.functional.one_hot(quadrants.argmax(1), 12).float() - 1

    oracle = Oracle(nn.Flatten(), 192, bits=12, image_size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    best = probe(oracle, split, seed=0, epoch=1, device=CPU)
    assert best.map == pytest.approx(1.0)
    assert best.constant_bits == 8
    assert 0.2 < best.floor < 0.35


class Described(HashModel):
    """Descriptors whose signs are all alike, and whose cosines tell quadrants apart."""

    bits = None

    def __init__(self, value: float = 1.0) -> None:
        super().__init__()
        self.modality = Modality.image(8)
        self.value = value

    @property
    def space(self) -> Space:
        return Space(distance=Distance.COSINE, size=4)

    def forward(self, inputs: Tensor) -> Tensor:
        quadrants = nn.functional.adaptive_avg_pool2d(inputs.mean(1, keepdim=True), 2).flatten(1)
        return self.value * nn.functional.one_hot(quadrants.argmax(1), 4).float()


def test_the_probe_compares_descriptors_as_their_space_does() -> None:
    best = probe(Described(), quadrants(), seed=0, epoch=1, device=CPU)
    assert best.map == pytest.approx(1.0)
    assert best.constant_bits == 0
    flat = probe(Described(0.0), quadrants(), seed=0, epoch=1, device=CPU)
    assert flat.map == pytest.approx(flat.floor)
    assert flat.constant_bits == 4
    with pytest.raises(TrainingError, match="4 of 4 dimensions"):
        refuse_collapsed(flat, Described().space)


def test_the_probe_refuses_outputs_that_are_not_finite() -> None:
    with pytest.raises(TrainingError, match="NaN or infinite"):
        probe(Described(math.inf), quadrants(), seed=0, epoch=1, device=CPU)


def test_descriptors_are_ruined_by_what_they_retrieve_and_not_by_their_signs() -> None:
    refuse_ruined(Described(), Described(2.0), quadrants(), seed=0)
    with pytest.raises(TrainingError, match="collapsed") as error:
        refuse_ruined(Described(), Described(0.0), quadrants(), seed=0)
    assert "bit" not in str(error.value)


def test_milestones_drop_the_rate_at_half_and_at_three_quarters() -> None:
    recipe = Recipe(lr=1.0, schedule="milestones", epochs=8)
    assert [round(learning_rate(recipe, epoch), 6) for epoch in range(8)] == [1.0] * 4 + [0.1] * 2 + [0.01] * 2


@pytest.mark.parametrize(("epochs", "batches"), [(2, 32), (2, 5), (30, 3), (30, 4), (1, 3), (3, 1)])
def test_batch_milestones_are_those_of_torch_with_floats(epochs: int, batches: int) -> None:
    recipe = Recipe(lr=1.0, schedule="batch-milestones", epochs=epochs)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    total = epochs * batches
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [total / 2, total * 3 / 4], gamma=0.1)
    for done in range(total):
        epoch, batch = divmod(done, batches)
        found = learning_rate(recipe, epoch, batch=batch, batches=batches)
        assert found == pytest.approx(optimizer.param_groups[0]["lr"]), done
        optimizer.step()
        scheduler.step()


def test_a_milestone_that_is_no_whole_number_of_batches_never_comes() -> None:
    recipe = Recipe(lr=1.0, schedule="batch-milestones", epochs=30)
    assert learning_rate(recipe, 29, batch=328, batches=329) == pytest.approx(0.1)  # 7,402.5 is passed by
    assert learning_rate(recipe, 29, batch=329, batches=330) == pytest.approx(0.01)
