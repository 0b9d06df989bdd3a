"""Backbones: the features that they promise, their weights, and what happens without a network connection."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from robusthash.contracts import Backbone, evaluating
from robusthash.errors import CheckpointError, UsageError
from robusthash.specs import PluginUse
from robusthash.training import Description, build_network, save_checkpoint, weights_digest
from robusthash_models.backbones.alexnet import AlexNet
from robusthash_models.backbones.densenet import DenseNet161
from robusthash_models.backbones.pretrained import TIMEOUT, _modern_names
from robusthash_models.backbones.resnet import ResNet
from robusthash_models.backbones.small import SmallCNN
from robusthash_models.backbones.vgg import VGG
from robusthash_models.backbones.vit import ViTB16

IMAGENET_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)


def logits(backbone: Backbone, size: int, weights: str = "none") -> torch.Tensor:
    network = build_network(backbone, bits=16, image_size=size, weights=weights, seed=0)
    with evaluating(network), torch.no_grad():
        result: torch.Tensor = network(torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)))
    return result


@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize(
    ("backbone", "size"),
    [
        (SmallCNN(), 16),
        (SmallCNN(), 8),
        (SmallCNN(width=8, grid=1), 32),
        (ResNet(), 32),
        (ResNet(stem="small"), 32),
        pytest.param(ResNet(depth="50"), 32, marks=pytest.mark.slow),
        pytest.param(AlexNet(), 64, marks=pytest.mark.slow),
        pytest.param(DenseNet161(), 32, marks=pytest.mark.slow),
        pytest.param(VGG(), 32, marks=pytest.mark.slow),
        pytest.param(VGG(depth="16"), 32, marks=pytest.mark.slow),
        pytest.param(VGG(depth="19"), 32, marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_forward(backbone: Backbone, size: int) -> None:
    result = logits(backbone, size)
    assert result.shape == (2, 16)
    assert bool(result.isfinite().all())
    assert not torch.equal(result[0], result[1])


def test_normalisation_and_start_of_the_hash_layer() -> None:
    for backbone in (ResNet(), DenseNet161(), AlexNet(), VGG()):
        assert torch.equal(torch.tensor(backbone.mean).view(1, 3, 1, 1), IMAGENET_MEAN)
        assert backbone.image_size == 224
    assert ResNet().hash_init_std == DenseNet161().hash_init_std == 0.01
    assert AlexNet().hash_init_std is VGG().hash_init_std is SmallCNN().hash_init_std is None
    assert SmallCNN().mean == SmallCNN().std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("kind", [ResNet, VGG, AlexNet, DenseNet161, ViTB16], ids=lambda kind: kind.__name__)
def test_images_may_be_left_as_they_are(kind: type[ResNet]) -> None:
    backbone = kind(normalise=False)
    assert (backbone.mean, backbone.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert (kind().mean, kind().std) != (backbone.mean, backbone.std)


def test_the_small_stem_keeps_small_images_large() -> None:
    sizes = {}
    for stem in ("imagenet", "small"):
        features, _ = ResNet(stem=stem).build("none")
        features.get_submodule("layer1").register_forward_hook(
            lambda _module, _inputs, output, stem=stem: sizes.update({stem: output.shape[-1]})
        )
        with evaluating(features), torch.no_grad():
            features(torch.zeros(1, 3, 32, 32))
    assert sizes == {"imagenet": 8, "small": 32}


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(UsageError, match="SmallCNN cannot take 2x2 images"):
        build_network(SmallCNN(), bits=8, image_size=2, weights="none", seed=0)


def test_features_are_torchvisions_up_to_the_classifier(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = torchvision.models.resnet18(weights=None).eval()
    path = tmp_path / "resnet18.safetensors"
    safetensors.torch.save_file(reference.state_dict(), path)
    features, width = ResNet().build(str(path))
    images = torch.randn(2, 3, 64, 64)
    with evaluating(features), torch.no_grad():
        expected = reference(images)
        found = reference.fc(features(images))
    assert width == 512
    assert torch.equal(found, expected)


@pytest.mark.slow
def test_densenet_pools_without_relu() -> None:
    features, _ = DenseNet161().build("none")
    with evaluating(features), torch.no_grad():
        images = torch.randn(1, 3, 64, 64)
        maps = features.get_submodule("0")(images)
        torch.testing.assert_close(features(images), maps.mean((2, 3)))
        assert bool((maps < 0).any())


@pytest.mark.slow
@pytest.mark.usefixtures("quick_draws")
@pytest.mark.parametrize(("backbone", "name"), [(AlexNet(), "alexnet"), (VGG(), "vgg11")], ids=repr)
def test_fully_connected_trunks_are_torchvisions(backbone: Backbone, name: str, tmp_path: Path) -> None:
    reference = torchvision.models.get_model(name, weights=None).eval()
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file(reference.state_dict(), path)
    features, _ = backbone.build(str(path))
    images = torch.randn(1, 3, 64, 64)
    with evaluating(features), torch.no_grad():
        assert torch.equal(reference.classifier[6](features(images)), reference(images))


def test_a_file_without_the_classifier_is_enough_and_another_network_is_told(tmp_path: Path) -> None:
    state = torchvision.models.resnet18(weights=None).state_dict()
    headless = tmp_path / "headless.safetensors"
    safetensors.torch.save_file({k: v for k, v in state.items() if not k.startswith("fc.")}, headless)
    features, _ = ResNet().build(str(headless))
    assert torch.equal(features.state_dict()["conv1.weight"], state["conv1.weight"])
    with pytest.raises(CheckpointError, match=r"another network.*missing"):
        ResNet(depth="34").build(str(headless))
    with pytest.raises(CheckpointError, match="No such file"):
        ResNet().build(str(tmp_path / "none.safetensors"))
    with pytest.raises(CheckpointError, match="another network"):
        SmallCNN().build(str(headless))


@pytest.mark.parametrize("backbone", [SmallCNN(), ResNet()], ids=["small-cnn", "resnet18"])
def test_a_trained_models_features_are_a_start(backbone: Backbone, tmp_path: Path) -> None:
    trained = build_network(backbone, bits=8, image_size=32, weights="none", seed=1)
    path = tmp_path / "trained.safetensors"
    save_checkpoint(path, trained, described(backbone))
    begun = build_network(backbone, bits=16, image_size=32, weights=str(path), seed=2)
    assert weights_digest(begun.features) == weights_digest(trained.features)
    assert begun.hash_layer.weight.shape == (16, trained.hash_layer.in_features)
    with pytest.raises(CheckpointError, match=r"trained\.safetensors holds the weights of another network"):
        build_network(DenseNet161(), bits=8, image_size=32, weights=str(path), seed=0)


def described(backbone: Backbone) -> Description:
    return Description(
        model=PluginUse(name="dpsh", owner="robusthash-models 0.1.0"),
        backbone=PluginUse(name=type(backbone).__name__, owner="robusthash-models 0.1.0"),
        pretrained="none",
        recipe={},
        bits=8,
        image_size=32,
        dataset="digits",
        dataset_digest="d" * 64,
        classes=("zero", "one"),
        seed=1,
        versions={},
        report={},
    )


def test_weights_of_the_small_network_come_from_a_file_too(tmp_path: Path) -> None:
    trained, _ = SmallCNN().build("none")
    path = tmp_path / "small.safetensors"
    safetensors.torch.save_file(trained.state_dict(), path)
    assert weights_digest(SmallCNN().build(str(path))[0]) == weights_digest(trained)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Addresses asked for; each request fails as on a machine without a network."""
    asked: list[str] = []

    def refuse(request: urllib.request.Request, *_rest: object, **_more: object) -> None:
        asked.append(request.full_url)
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    return asked


@pytest.mark.parametrize(
    ("backbone", "file"), [(ResNet(), "resnet18-f37072fd.pth"), (ResNet(depth="50"), "resnet50-0676ba61.pth")]
)
def test_published_weights_are_asked_for_once_and_a_failure_says_what_to_do(
    requests: list[str], backbone: Backbone, file: str
) -> None:
    with pytest.raises(CheckpointError) as caught:
        backbone.build("default")
    assert requests == [f"https://download.pytorch.org/models/{file}"]
    text = str(caught.value)
    assert "\n" not in text
    for part in (file, "no route to host", "--weights", "checkpoints"):
        assert part in text


def test_a_real_request_is_made_once_and_may_not_stand_still(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, attempts: list[tuple[object, float | None]]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="cannot fetch the published weights of resnet18"):
        ResNet().build("default")
    assert attempts == [(("127.0.0.1", 9), TIMEOUT)]
    assert not list(tmp_path.rglob("*.pth"))


def test_a_cached_download_is_used_if_its_hash_fits(monkeypatch: pytest.MonkeyPatch, requests: list[str]) -> None:
    state = torchvision.models.resnet18(weights=None).state_dict()
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / "resnet18-f37072fd.pth")
    features, _ = ResNet().build("default")
    assert requests == []
    assert torch.equal(features.state_dict()["conv1.weight"], state["conv1.weight"])


def test_densenets_published_names_are_brought_up_to_date() -> None:
    current = nn.Module.state_dict(torchvision.models.densenet121(weights=None))
    published = {}
    for key, value in current.items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            if "denselayer" in key:
                key = key.replace(f".{part}.", f".{part[:-1]}.{part[-1]}.")
        published[key] = value
    assert published.keys() != current.keys()
    assert _modern_names(published).keys() == current.keys()
