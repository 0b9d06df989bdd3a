"""LSH and ITQ: geometry, hand-worked values, a reference written out, and the networks that they end in."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robusthash.contracts import ArrayImages, ClosedForm, HashLayer, Randomness, Split, TrainFeatures
from robusthash.errors import ContractError, OptionError, UsageError
from robusthash.hashing import binarise
from robusthash.testing import ClosedFormContract, ModelContract
from robusthash.training import HashNetwork, build_network, encode, set_hash_layer
from robusthash_models.backbones.small import SmallCNN
from robusthash_models.baselines.itq import ITQ, principal, quantisation_loss, turn
from robusthash_models.baselines.lsh import LSH

CPU = torch.device("cpu")
RANDOM = Randomness(seed=0, purpose="test")


class TestLSH(ClosedFormContract):
    @pytest.fixture
    def method(self) -> ClosedForm:
        return LSH()


class TestITQ(ClosedFormContract):
    @pytest.fixture
    def method(self) -> ClosedForm:
        return ITQ()


def features(values: Tensor) -> TrainFeatures:
    return TrainFeatures(values=values.double(), labels=torch.ones(len(values), 1, dtype=torch.uint8))


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- LSH --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [10, 45, 90, 150])
def test_lsh_bits_differ_with_the_angle(degrees: int) -> None:
    """Charikar's Pr[bits differ] = angle / pi, within four standard errors; and the angle is that at the mean."""
    angle, shift = math.radians(degrees), torch.tensor([3.0, -5.0], dtype=torch.float64)
    pair = torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    train = features(shift + torch.cat([pair, -pair]))  # of mean `shift`
    layer = LSH().project(train, 4000, RANDOM)
    codes = binarise(train.values @ layer.weight.T + layer.bias)
    share = float((codes[0] != codes[1]).double().mean())
    expected = angle / math.pi
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 4000))


def test_lsh_is_another_for_another_seed() -> None:
    train = features(gaussian(20, 6))
    one, other = (LSH().project(train, 8, Randomness(seed=seed, purpose="test")) for seed in (0, 1))
    assert not torch.equal(one.weight, other.weight)


# --- ITQ --------------------------------------------------------------------------------------------------------------


def test_itq_turns_by_hand() -> None:
    """Four points on the axes, turned by 10 degrees at the start, end on the corners after one turn: 45 degrees."""
    points = math.sqrt(2) * torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    tilt = math.radians(10)
    start = torch.tensor([[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]], dtype=torch.float64)
    rotation = turn(points, start)
    half = math.sqrt(0.5)
    torch.testing.assert_close(rotation, torch.tensor([[half, half], [-half, half]], dtype=torch.float64))
    assert quantisation_loss(points, torch.eye(2, dtype=torch.float64)) > 1
    assert quantisation_loss(points, rotation) == pytest.approx(0, abs=1e-12)


def test_itq_rotations_are_orthogonal_and_each_turn_lowers_the_loss() -> None:
    projected = gaussian(300, 12) * torch.linspace(3, 0.5, 12, dtype=torch.float64)
    rotation = torch.linalg.qr(gaussian(12, 12, seed=1)).Q
    losses = [quantisation_loss(projected, rotation)]
    for _ in range(30):
        rotation = turn(projected, rotation)
        torch.testing.assert_close(rotation.T @ rotation, torch.eye(12, dtype=torch.float64))
        losses.append(quantisation_loss(projected, rotation))
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(losses))
    assert losses[-1] < 0.95 * losses[0]


def test_itq_is_the_paper_written_out() -> None:
    """The same codes as numpy, by the matrices of section 3 and its names."""
    x = gaussian(120, 10, seed=2) @ gaussian(10, 10, seed=3) + 4
    layer = ITQ(iterations=7).project(features(x), 5, RANDOM)
    v = ((x - x.mean(0)) @ principal(x - x.mean(0), 5)).numpy()
    r = np.linalg.qr(RANDOM.generator().standard_normal((5, 5)))[0]
    for _ in range(7):
        b = np.where(v @ r >= 0, 1.0, -1.0)
        s, _, s_hat_t = np.linalg.svd(b.T @ v)
        r = (s @ s_hat_t).T
    expected = torch.from_numpy(v @ r)
    torch.testing.assert_close(x @ layer.weight.T + layer.bias, expected)


def test_itq_without_turns_is_a_random_rotation_of_the_components() -> None:
    x = gaussian(50, 6)
    layer = ITQ(iterations=0).project(features(x), 3, RANDOM)
    torch.testing.assert_close(layer.weight @ layer.weight.T, torch.eye(3, dtype=torch.float64))
    found = (x - x.mean(0)) @ layer.weight.T
    kept = (x - x.mean(0)) @ principal(x - x.mean(0), 3)
    assert float(found.square().sum()) == pytest.approx(float(kept.square().sum()))


def test_principal_components_are_those_of_the_largest_variance() -> None:
    x = gaussian(400, 4) * torch.tensor([0.1, 5.0, 0.2, 2.0], dtype=torch.float64)
    directions = principal(x - x.mean(0), 2).abs()
    assert directions.argmax(0).tolist() == [1, 3]


@pytest.mark.parametrize(("items", "width"), [(100, 6), (7, 40)])
def test_itq_has_no_more_bits_than_components(items: int, width: int) -> None:
    train = features(gaussian(items, width))
    ITQ().project(train, 6, RANDOM)
    with pytest.raises(UsageError, match=r"itq cannot make .* bits: .* have 6 principal components"):
        ITQ().project(train, 7, RANDOM)


def test_itq_refuses_negative_turns() -> None:
    with pytest.raises(OptionError, match="iterations=-1"):
        ITQ(iterations=-1)


# --- networks ---------------------------------------------------------------------------------------------------------


def network(bits: int = 12) -> HashNetwork:
    return build_network(SmallCNN(), bits=bits, image_size=16, weights="none", seed=0)


@pytest.fixture
def split() -> Split:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.eye(4, dtype=torch.uint8)[torch.arange(60) % 4]
    return Split.of_images(name="train", images=ArrayImages(images), labels=labels, ids=tuple(map(str, range(60))))


@pytest.mark.parametrize("method", [LSH(), ITQ()], ids=repr)
def test_the_hash_layer_alone_is_set_and_its_logits_are_of_order_one(method: ClosedForm, split: Split) -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    report = set_hash_layer(model, method, split, seed=0, device=CPU)
    after = model.state_dict()
    assert {name for name in after if not torch.equal(before[name], after[name])} == {
        "hash_layer.weight",
        "hash_layer.bias",
    }
    logits = encode(model, split.images, device=CPU)
    assert float(logits.square().mean().sqrt()) == pytest.approx(1, abs=1e-4)
    assert not model.training
    assert (report.epochs, report.iterations, report.losses, len(report.probes)) == (0, 0, (), 1)


def test_the_scale_changes_no_code(split: Split) -> None:
    model = network()
    set_hash_layer(model, ITQ(), split, seed=0, device=CPU)
    pixels = split.images.inputs(range(60))
    with torch.no_grad():
        found = model.get_submodule("features")((pixels - model.mean) / model.std).double()
    train = TrainFeatures(values=found, labels=split.labels)
    layer = ITQ().project(train, 12, Randomness(seed=0, purpose="hash-layer"))
    expected = binarise(found @ layer.weight.T + layer.bias)
    assert float((model.codes(pixels) == expected).float().mean()) > 0.99  # float32 against float64


class TestNetworkWithITQ(ModelContract):
    @pytest.fixture
    def build(self, split: Split):  # type: ignore[no-untyped-def]  # as in the base class
        def made() -> HashNetwork:
            model = network()
            set_hash_layer(model, ITQ(), split, seed=0, device=CPU)
            return model

        return made


class Wrong(ClosedForm):
    """Gives whatever it was made with."""

    def __init__(self, layer: HashLayer) -> None:
        self.layer = layer

    def project(self, train: TrainFeatures, bits: int, random: Randomness) -> HashLayer:
        return self.layer


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (HashLayer(weight=torch.ones(12, 3), bias=torch.ones(12)), "of shapes"),
        (HashLayer(weight=torch.ones(12, 256), bias=torch.ones(1)), "of shapes"),
        (HashLayer(weight=torch.full((12, 256), math.nan), bias=torch.ones(12)), "not finite"),
    ],
)
def test_a_projection_that_does_not_fit_is_refused(layer: HashLayer, says: str, split: Split) -> None:
    with pytest.raises(ContractError, match=says):
        set_hash_layer(network(), Wrong(layer), split, seed=0, device=CPU)


def test_a_backbone_that_says_nothing_is_no_division_by_zero(split: Split) -> None:
    model = network()
    for part in model.features.modules():
        if isinstance(part, nn.Conv2d | nn.BatchNorm2d):
            nn.init.zeros_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    set_hash_layer(model, LSH(), split, seed=0, device=CPU)
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())
