"""Transformers, MobileNet, and the backbones that take a library's network by its name."""

import math
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from robusthash.contracts import Backbone, evaluating
from robusthash.errors import CheckpointError, MissingDependencyError, OptionError, UsageError
from robusthash.training import build_network, load_tensors
from robusthash_models.backbones.mobilenet import MobileNetV1, _padded
from robusthash_models.backbones.pretrained import TIMEOUT
from robusthash_models.backbones.timm_models import TimmModel
from robusthash_models.backbones.torchvision_models import TorchvisionModel
from robusthash_models.backbones.vgg import VGG
from robusthash_models.backbones.vit import ViTB16


def noise(n: int, size: int) -> Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def output(module: nn.Module, images: Tensor) -> Tensor:
    with evaluating(module), torch.no_grad():
        result: Tensor = module(images)
    return result


def saved(module: nn.Module, folder: Path) -> str:
    path = folder / "state.safetensors"
    safetensors.torch.save_file(module.state_dict(), path)
    return str(path)


# MobileNet


def mobilenet_state(width: float) -> dict[str, Tensor]:
    """Random weights with the names and shapes of the converted files."""
    generator = torch.Generator().manual_seed(1)
    state: dict[str, Tensor] = {}

    def convolution(name: str, norm: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(*shape, generator=generator) * (2 / math.prod(shape[1:])) ** 0.5
        state[f"{norm}.weight"] = torch.rand(shape[0], generator=generator) + 0.5
        state[f"{norm}.running_var"] = torch.rand(shape[0], generator=generator) * 0.01
        state[f"{norm}.bias"] = torch.randn(shape[0], generator=generator)
        state[f"{norm}.running_mean"] = torch.randn(shape[0], generator=generator) * 0.1

    outputs = [int(c * width) for c in (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)]
    channels = int(32 * width)
    convolution("conv1", "bn1", channels, 3, 3, 3)
    for i, after in enumerate(outputs):
        convolution(f"dw.{i}", f"dwbn.{i}", channels, 1, 3, 3)
        convolution(f"pw.{i}", f"pwbn.{i}", after, channels, 1, 1)
        channels = after
    state["preds.weight"], state["preds.bias"] = torch.zeros(1000, channels, 1, 1), torch.zeros(1000)
    return state


def mobilenet_features(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Table 1 of the paper, with the paddings that TensorFlow calls SAME, for sides that are a power of two."""

    def unit(x: Tensor, name: str, norm: str, stride: int, groups: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        if weight.shape[-1] == 3:
            x = functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        x = functional.conv2d(x, weight, stride=stride, groups=groups)
        parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *parts, eps=1e-3).clamp(0, 6)

    x = unit(x, "conv1", "bn1", 2)
    for i in range(13):
        x = unit(x, f"dw.{i}", f"dwbn.{i}", 2 if i in (1, 3, 5, 11) else 1, groups=x.shape[1])
        x = unit(x, f"pw.{i}", f"pwbn.{i}", 1)
    return x.mean((2, 3))


@pytest.mark.parametrize("width", ["0.75", "1.0"])
def test_mobilenet_is_the_papers_table_with_the_converted_files_names(width: str, tmp_path: Path) -> None:
    state = mobilenet_state(float(width))
    path = tmp_path / "mobilenet.safetensors"
    safetensors.torch.save_file(state, path)
    features, channels = MobileNetV1(width=width).build(str(path))  # type: ignore[arg-type]  # a name of the option
    assert channels == int(1024 * float(width))
    images = noise(2, 64)
    expected = mobilenet_features(state, images)
    assert float(expected.std()) > 0.01
    torch.testing.assert_close(output(features, images), expected, rtol=1e-4, atol=1e-5)
    wider = {"0.75": "1.0", "1.0": "0.75"}[width]
    with pytest.raises(CheckpointError, match=r"misshapen: conv1\.weight"):
        MobileNetV1(width=wider).build(str(path))  # type: ignore[arg-type]  # as above


def test_mobilenet_takes_images_in_minus_one_to_one() -> None:
    network = build_network(MobileNetV1(width="0.75"), bits=8, image_size=32, weights="none", seed=0)
    seen: list[Tensor] = []
    network.features.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    output(network, torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 32, 32))
    assert [float(image.mean()) for image in seen[0]] == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("side", [1, 2, 5, 6, 7, 112])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_gives_every_second_pixel_and_what_is_odd_goes_behind(side: int, stride: int) -> None:
    padded = _padded(torch.ones(1, 1, side, side), stride)
    assert functional.conv2d(padded, torch.ones(1, 1, 3, 3), stride=stride).shape[-1] == -(-side // stride)
    row = padded[0, 0].amax(0)
    before, behind = int(row.argmax()), int(row.flip(0).argmax())
    assert behind - before in (0, 1)


def test_the_line_that_converts_a_pickle_works_for_mobilenets_file(tmp_path: Path) -> None:
    named = os.environ.get("ROBUSTHASH_DATA")
    source = tmp_path / "mobilenet_v1_075_224.pt"
    real = Path(named) / "backbones" / source.name if named else source
    if real.exists():
        source.symlink_to(real)
    else:
        torch.save(mobilenet_state(0.75), source)
    with pytest.raises(CheckpointError, match="is a pickle") as caught:
        MobileNetV1(width="0.75").build(str(source))
    assert caught.value.hint is not None
    line = caught.value.hint.removeprefix("convert it once: ").partition("; if torch.load")[0]
    words = [sys.executable, *shlex.split(line)[1:]]
    assert "weights_only=True" in line
    subprocess.run(words, check=True)
    features, _ = MobileNetV1(width="0.75").build(words[-1])
    assert torch.equal(features.state_dict()["conv1.weight"], load_tensors(Path(words[-1]))["conv1.weight"])


def test_mobilenet_has_no_address_to_be_fetched_from() -> None:
    with pytest.raises(CheckpointError, match="no weights of mobilenet-v1 to download"):
        MobileNetV1().build("default")


@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize("backbone", [MobileNetV1(width="0.75"), pytest.param(VGG(), marks=pytest.mark.slow)])
def test_what_is_faster_in_channels_last_gives_the_same_in_either_order(backbone: Backbone) -> None:
    assert backbone.channels_last
    network = build_network(backbone, bits=8, image_size=32, weights="none", seed=0)
    images = noise(2, 32)
    expected = output(network, images)
    network.to(memory_format=torch.channels_last)
    for given in (images, images.to(memory_format=torch.channels_last)):
        torch.testing.assert_close(output(network, given), expected, rtol=1e-4, atol=1e-5)


# Torchvision


@pytest.mark.slow
@pytest.mark.usefixtures("quick_draws")
def test_the_transformers_features_are_the_class_token_after_the_norm(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = torchvision.models.vit_b_16(weights=None, image_size=32)
    nn.init.normal_(reference.heads.head.weight)  # torchvision starts it at zero
    features, width = ViTB16(image_size=32).build(saved(reference, tmp_path))
    images = noise(2, 32)
    tokens = reference._process_input(images)
    tokens = torch.cat([reference.class_token.expand(2, -1, -1), tokens], 1)
    found = output(features, images)
    with evaluating(reference), torch.no_grad():
        torch.testing.assert_close(found, reference.encoder(tokens)[:, 0], rtol=1e-4, atol=1e-5)
        assert torch.equal(reference.heads(found), reference(images))
    assert width == 768
    larger, _ = ViTB16(image_size=48).build(str(tmp_path / "state.safetensors"))
    assert output(larger, noise(1, 48)).shape == (1, 768)
    positions = larger.get_submodule("encoder").pos_embedding
    assert torch.equal(positions[:, 0], reference.encoder.pos_embedding[:, 0])  # type: ignore[index]  # it is a tensor
    with pytest.raises(UsageError, match="cannot take 64x64 images"):
        build_network(ViTB16(image_size=32), bits=8, image_size=64, weights="none", seed=0)


def test_a_transformers_image_size_is_a_multiple_of_its_patch() -> None:
    for size in (0, 8, 100):
        with pytest.raises(OptionError, match=f"image_size is {size}"):
            ViTB16(image_size=size)


FAMILIES = ["mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5", "regnet_y_400mf", "efficientnet_b0", "vit_b_32"]
LARGE = ["densenet121", "convnext_tiny", "swin_t", "swin_v2_t", "maxvit_t", "resnext50_32x4d", "vgg11_bn", "alexnet"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize("name", [*FAMILIES, *LARGE])
def test_the_classifier_of_torchvisions_features_is_torchvision(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = torchvision.models.get_model(name, weights=None)
    head = next(part for part in reversed(list(reference.modules())) if isinstance(part, nn.Linear))
    nn.init.normal_(head.weight)
    backbone = TorchvisionModel(name=name)
    features, width = backbone.build(saved(reference, tmp_path))
    images = noise(1, backbone.image_size)
    found = output(features, images)
    assert found.shape == (1, width)
    torch.testing.assert_close(head(found), output(reference, images), rtol=1e-4, atol=1e-4)


def test_image_size_and_normalisation_are_those_of_the_published_weights() -> None:
    large = TorchvisionModel(name="efficientnet_v2_l")
    assert (large.image_size, large.mean, large.std) == (480, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert TorchvisionModel(name="vgg11_bn").mean == VGG().mean
    raw = TorchvisionModel(name="efficientnet_v2_l", normalise=False)
    assert (raw.mean, raw.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_a_network_without_a_known_cut_is_told() -> None:
    with pytest.raises(OptionError, match="squeezenet1_1 does not end in one fully connected layer"):
        TorchvisionModel(name="squeezenet1_1").build("none")
    for name in ("googlenet", "inception_v3"):
        with pytest.raises(OptionError, match=f"{name} has auxiliary classifiers"):
            TorchvisionModel(name=name)
    with pytest.raises(OptionError, match=r"no classifier 'resnet19' \(did you mean 'resnet18'"):
        TorchvisionModel(name="resnet19")


@pytest.mark.parametrize("name", ["regnet_y_128gf", "vit_h_14"])
def test_weights_that_nobody_published_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.models, "get_model", lambda name, weights=None: nn.Sequential(nn.Linear(1, 1000)))
    with pytest.raises(CheckpointError, match=f"no IMAGENET1K_V1 weights of {name}"):
        TorchvisionModel(name=name).build("default")


@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize(
    "backbone", [TorchvisionModel(name="mobilenet_v3_small"), pytest.param(ViTB16(), marks=pytest.mark.slow)]
)
def test_a_download_without_a_network_is_one_clear_message(
    backbone: Backbone,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    attempts: list[tuple[object, float | None]],
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="cannot fetch the published weights") as caught:
        backbone.build("default")
    assert "--weights none" in str(caught.value)
    assert len(attempts) == 1


# timm


def test_without_timm_the_line_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'robusthash-models\[timm\]'"):
        TimmModel(name="resnet18")


def test_timms_features_are_its_network_without_classes(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    reference = timm.create_model("test_efficientnet")
    features, width = TimmModel(name="test_efficientnet").build(saved(reference, tmp_path))
    images = noise(2, 64)
    found = output(features, images)
    assert found.shape == (2, width)
    torch.testing.assert_close(reference.get_classifier()(found), output(reference, images))


def test_timms_normalisation_and_size_are_its_weights() -> None:
    pytest.importorskip("timm")
    backbone = TimmModel(name="test_vit")
    assert (backbone.image_size, backbone.mean, backbone.std) == (160, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert build_network(backbone, bits=8, image_size=160, weights="none", seed=0).bits == 8
    with pytest.raises(UsageError, match="cannot take 64x64 images"):
        build_network(TimmModel(name="vit_tiny_patch16_224"), bits=8, image_size=64, weights="none", seed=0)
    with pytest.raises(OptionError, match="no network 'resnet81'"):
        TimmModel(name="resnet81")
    with pytest.raises(OptionError, match="no weights 'foo' for resnet18"):
        TimmModel(name="resnet18.foo")


def test_timms_download_without_a_network_is_tried_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, attempts: list[tuple[object, float | None]]
) -> None:
    pytest.importorskip("timm")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"cannot fetch timm's weights of test_vit.*--weights none"):
        TimmModel(name="test_vit").build("default")
    assert attempts == [(("127.0.0.1", 9), TIMEOUT)]
