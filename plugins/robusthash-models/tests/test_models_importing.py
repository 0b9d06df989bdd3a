"""Imported networks give the logits of the code that saved them, written here again from the papers' tables."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from robusthash.contracts import Backbone
from robusthash.errors import CheckpointError
from robusthash.specs import PluginUse
from robusthash.training.networks.importing import LAYOUTS, Origin, import_network
from robusthash_models.backbones.alexnet import AlexNet
from robusthash_models.backbones.resnet import ResNet
from robusthash_models.backbones.torchvision_models import TorchvisionModel
from robusthash_models.backbones.vgg import VGG

BITS = 12
State = dict[str, Tensor]

# Layers of torchvision's networks, as the three repositories take them over: index, outputs, kernel, stride, padding.
ALEXNET = ((0, 64, 11, 4, 2), (3, 192, 5, 1, 2), (6, 384, 3, 1, 1), (8, 256, 3, 1, 1), (10, 256, 3, 1, 1))
ALEXNET_POOLED = {0, 3, 10}
VGG11 = tuple(
    (index, outputs, 3, 1, 1)
    for index, outputs in ((0, 64), (3, 128), (6, 256), (8, 256), (11, 512), (13, 512), (16, 512), (18, 512))
)
VGG11_POOLED = {0, 3, 8, 13, 18}


def origin(layout: str, *, size: int = 224, bits: int = BITS) -> Origin:
    return Origin(
        path=Path("foreign.pth"),
        layout=layout,
        model=PluginUse(name="dpsh", owner="test"),
        backbone=PluginUse(name="net", owner="test"),
        bits=bits,
        image_size=size,
        dataset="digits",
    )


def imported(state: State, layout: str, backbone: Backbone, images: Tensor) -> Tensor:
    network = import_network(state, origin(layout, size=images.shape[-1]), backbone)
    assert not network.training
    with torch.no_grad():
        logits: Tensor = network(images)
    return logits


def images(n: int, size: int) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(5))


def normalised(layout: str, pixels: Tensor) -> Tensor:
    if layout == "prosgan":
        return pixels
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (pixels - mean[:, None, None]) / std[:, None, None]


def layer(state: State, name: str, *shape: int) -> None:
    generator = torch.Generator().manual_seed(len(state))
    fan = shape[1] * (shape[2] ** 2 if len(shape) > 2 else 1)
    state[f"{name}.weight"] = torch.empty(*shape).normal_(std=(2 / fan) ** 0.5, generator=generator)
    state[f"{name}.bias"] = torch.randn(shape[0], generator=generator) * 0.1


def sequence_state(convolutions: tuple[tuple[int, ...], ...], trunk: dict[str, tuple[int, int]]) -> State:
    state: State = {}
    channels = 3
    for index, outputs, kernel, *_ in convolutions:
        layer(state, f"features.{index}", outputs, channels, kernel, kernel)
        channels = outputs
    for name, shape in trunk.items():
        layer(state, name, *shape)
    return state


def sequence_logits(
    state: State, convolutions: tuple[tuple[int, ...], ...], pooled: set[int], pool: int, trunk: list[str], x: Tensor
) -> Tensor:
    for index, _, _, stride, padding in convolutions:
        weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        x = functional.conv2d(x, weight, bias, stride=stride, padding=padding).relu()
        x = functional.max_pool2d(x, pool, 2) if index in pooled else x
    x = x.flatten(1)
    for name in trunk:
        x = functional.linear(x if name == trunk[0] else x.relu(), state[f"{name}.weight"], state[f"{name}.bias"])
    return x


@pytest.mark.slow
@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize(
    ("layout", "first", "second", "last"),
    [
        ("prosgan", "classifier.1", "classifier.4", "classifier.6"),
        ("prosgan", "classifier.classifier1", "classifier.classifier4", "hash_layer"),
        ("saat", "classifier.1", "classifier.4", "classifier.6"),
        ("deephash", "hash_layer.1", "hash_layer.4", "hash_layer.6"),
    ],
)
def test_alexnet(layout: str, first: str, second: str, last: str) -> None:
    state = sequence_state(ALEXNET, {first: (4096, 9216), second: (4096, 4096), last: (BITS, 4096)})
    pixels = images(2, 224)
    expected = sequence_logits(state, ALEXNET, ALEXNET_POOLED, 3, [first, second, last], normalised(layout, pixels))
    if last == "hash_layer":  # the networks for HashNet hold their parts once more
        again = {f"feature_layers.0.{k.removeprefix('features.')}": v for k, v in state.items() if "features" in k}
        again |= {f"feature_layers.1.{k.removeprefix('classifier.')}": v for k, v in state.items() if "classifier" in k}
        state |= again
    found = imported(state, layout, AlexNet(normalise=layout != "prosgan"), pixels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize("layout", ["prosgan", "saat"])
def test_vgg(layout: str) -> None:
    trunk = {"classifier.0": (4096, 25088), "classifier.3": (4096, 4096), "classifier.6": (BITS, 4096)}
    state = sequence_state(VGG11, trunk)
    pixels = images(1, 224)
    expected = sequence_logits(state, VGG11, VGG11_POOLED, 2, list(trunk), normalised(layout, pixels))
    state |= {"cl1.weight": state["classifier.0.weight"], "cl1.bias": state["classifier.0.bias"]}
    found = imported(state, layout, VGG(normalise=layout != "prosgan"), pixels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def residual_state() -> State:
    """A ResNet-18 under the names of the three repositories: every part twice, and a hash layer."""
    generator = torch.Generator().manual_seed(0)
    state: State = {}

    def convolution(name: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        scale = (2 / (inputs * kernel**2)) ** 0.5
        state[f"{name}.weight"] = torch.randn(outputs, inputs, kernel, kernel, generator=generator) * scale
        for part in ("weight", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(outputs, generator=generator) + 0.5
        for part in ("bias", "running_mean"):
            state[f"{norm}.{part}"] = torch.randn(outputs, generator=generator) * 0.1
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    convolution("conv1", "bn1", 64, 3, 7)
    inputs = 64
    for stage, outputs in enumerate((64, 128, 256, 512), start=1):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            convolution(f"{name}.conv1", f"{name}.bn1", outputs, inputs, 3)
            convolution(f"{name}.conv2", f"{name}.bn2", outputs, outputs, 3)
            if inputs != outputs:
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", outputs, inputs, 1)
            inputs = outputs
    places = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}
    for name, tensor in list(state.items()):
        part, _, rest = name.partition(".")
        state[f"feature_layers.{places[part]}.{rest}"] = tensor
    layer(state, "hash_layer", BITS, 512)
    return state


def residual_logits(state: State, x: Tensor) -> Tensor:
    def norm(x: Tensor, name: str) -> Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *parts)

    x = norm(functional.conv2d(x, state["conv1.weight"], stride=2, padding=3), "bn1").relu()
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = functional.conv2d(x, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            y = functional.conv2d(norm(y, f"{name}.bn1").relu(), state[f"{name}.conv2.weight"], padding=1)
            if stride == 2:
                x = norm(functional.conv2d(x, state[f"{name}.downsample.0.weight"], stride=2), f"{name}.downsample.1")
            x = (x + norm(y, f"{name}.bn2")).relu()
    return functional.linear(x.mean((2, 3)), state["hash_layer.weight"], state["hash_layer.bias"])


def as_it_is(state: State) -> State:
    return state


def wrapped(state: State) -> State:
    """As DataParallel and SAAT's hash models save it."""
    return {f"module.model.{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize("form", [as_it_is, wrapped])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_resnet(layout: str, form: Callable[[State], State]) -> None:
    state, pixels = residual_state(), images(3, 64)
    expected = residual_logits(state, normalised(layout, pixels))
    found = imported(form(state), layout, ResNet(normalise=layout != "prosgan"), pixels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    if layout == "prosgan":  # the same tensors are another function in a family that normalises
        other = imported(state, "saat", TorchvisionModel(name="resnet18"), pixels)
        assert not torch.allclose(other, expected, atol=0.1)


def test_a_backbone_that_normalises_otherwise_is_refused() -> None:
    for layout, normalise in (("prosgan", True), ("saat", False), ("deephash", False)):
        with pytest.raises(CheckpointError, match=rf"normalise={str(not normalise).lower()}"):
            import_network(residual_state(), origin(layout, size=32), ResNet(normalise=normalise))


def test_two_names_of_one_tensor_must_agree() -> None:
    state = residual_state()
    state["feature_layers.4.0.conv1.weight"] = state["feature_layers.4.0.conv1.weight"] + 1
    with pytest.raises(CheckpointError, match=r"layer1.0.conv1.weight and feature_layers.4.0.conv1.weight differ"):
        import_network(state, origin("saat", size=32), ResNet())


def test_what_is_missing_unexpected_or_of_another_length_is_named() -> None:
    state = residual_state()
    for name in ("bn1.bias", "feature_layers.1.bias"):
        del state[name]
    state["fc.weight"] = torch.zeros(2, 2)
    with pytest.raises(CheckpointError, match=r"missing: features.bn1.bias; unexpected: fc.weight"):
        import_network(state, origin("saat", size=32), ResNet())
    with pytest.raises(CheckpointError, match="12 bits instead of 16"):
        import_network(residual_state(), origin("saat", size=32, bits=16), ResNet())
    with pytest.raises(CheckpointError, match="another network"):
        import_network(residual_state(), origin("saat", size=32), ResNet(depth="34"))
    with pytest.raises(CheckpointError, match="has a tensor 'mean'"):
        import_network(residual_state() | {"mean": torch.zeros(3, 1, 1)}, origin("saat", size=32), ResNet())
