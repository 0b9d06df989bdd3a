"""Grad-CAM of hash outputs: closed forms, an independent library, and which layer is explained."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import robusthash
from robusthash import wrap
from robusthash.contracts import HashModel, Modality
from robusthash.errors import CapabilityError, ContractError, UsageError
from robusthash.explaining import grad_cam
from robusthash.pixels import from_levels, to_levels
from robusthash.specs import Distance
from robusthash.testing.victims import SIDE, DescriptorVictim, LinearVictim, SmallVictim, TextVictim, toy_images

IMAGES = toy_images(20)[0][:20]  #: more than one batch
BITS, CHANNELS = 8, 5


class Pooled(HashModel):
    """A convolution, global average pooling, and a linear hash layer: Grad-CAM of it has a closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.bits = BITS
        self.modality = Modality.image(SIDE)
        self.features = nn.Sequential(nn.Conv2d(3, CHANNELS, 3, stride=2), nn.ReLU(inplace=True))
        self.hash_layer = nn.Linear(CHANNELS, BITS)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.hash_layer(self.features(inputs).mean((2, 3)))
        return logits


@pytest.fixture
def pooled() -> Pooled:
    torch.manual_seed(3)
    return Pooled()


def test_of_a_pooled_map_and_a_linear_hash_layer_it_is_the_closed_form(pooled: Pooled) -> None:
    # y = 1/K sum_k h_k (w_k . mean(A) + b_k), so dy/dA_c is (h W)_c / (K h' w') at every position, and so is its mean.
    found = grad_cam(pooled, IMAGES)
    with torch.no_grad():
        maps = pooled.features(IMAGES)
        weights = pooled.codes(IMAGES).float() @ pooled.hash_layer.weight / (BITS * maps[0, 0].numel())
        closed = torch.einsum("nc,nchw->nhw", weights, maps).relu()
    assert found.layer == "features"
    torch.testing.assert_close(found.maps, closed)
    assert 0 < (closed == 0).float().mean() < 1  # the ReLU matters


def test_of_a_linear_victim_it_is_what_each_pixel_adds() -> None:
    model = LinearVictim(BITS)
    found = grad_cam(model, IMAGES)
    weights = (model.codes(IMAGES).float() @ model.weight.detach()).view_as(IMAGES) / BITS
    assert found.layer is None
    torch.testing.assert_close(found.maps, (weights * IMAGES).sum(1).relu())


@pytest.mark.parametrize("distance", [Distance.COSINE, Distance.L2])
def test_of_descriptors_it_explains_their_length(distance: Distance) -> None:
    model = DescriptorVictim(distance=distance).eval()
    with torch.enable_grad():
        maps = model.features[:-1]((IMAGES - 0.5) / 0.25).detach().requires_grad_()
        length = (10 * model.hash_layer(maps.flatten(1))).norm(dim=1).sum()
        gradient = torch.autograd.grad(length, maps)[0]
    closed = (gradient.mean((2, 3), keepdim=True) * maps).sum(1).relu()
    torch.testing.assert_close(grad_cam(model, IMAGES).maps, closed.detach(), rtol=1e-3, atol=1e-5)


def test_captum_finds_the_same_where_it_is_told_the_layer() -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is not installed")
    model = SmallVictim().eval()
    codes = model.codes(IMAGES).float()
    oracle = attr.LayerGradCam(lambda inputs: (model(inputs) * codes).mean(1), model.features[4])
    expected = oracle.attribute(IMAGES, relu_attributions=True)[:, 0]
    torch.testing.assert_close(grad_cam(model, IMAGES).maps, expected)


def test_from_python_levels_are_images_too(pooled: Pooled) -> None:
    levels = to_levels(IMAGES)
    found = robusthash.grad_cam(pooled.train(), levels)
    torch.testing.assert_close(found.maps, grad_cam(pooled, from_levels(levels)).maps)
    assert pooled.training
    with pytest.raises(UsageError, match="inputs have shape"):
        robusthash.grad_cam(pooled, IMAGES[..., 1:])
    with pytest.raises(UsageError, match="model is 'dpsh'"):
        robusthash.grad_cam("dpsh", IMAGES)  # type: ignore[arg-type]


def test_an_image_is_explained_alike_in_any_batch_and_relative_to_itself(pooled: Pooled) -> None:
    whole = grad_cam(pooled, IMAGES)
    torch.testing.assert_close(grad_cam(pooled, IMAGES[17:18]).maps, whole.maps[17:18])
    relative = whole.relative
    torch.testing.assert_close(relative.amax((1, 2)), torch.ones(len(IMAGES)))
    nn.init.zeros_(pooled.hash_layer.weight)
    assert not grad_cam(pooled, IMAGES).relative.any()  # and not NaN


def test_a_model_is_afterwards_as_it_was(pooled: Pooled) -> None:
    pooled.train().requires_grad_(requires_grad=False)
    before, images = copy.deepcopy(pooled.state_dict()), IMAGES.clone()
    grad_cam(pooled, images)
    assert pooled.training
    assert torch.equal(images, IMAGES)
    assert all(torch.equal(tensor, before[name]) for name, tensor in pooled.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in pooled.modules())


class Rounded(nn.Module):
    """Rounds, as a JPEG does, which leaves no gradient."""

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs * 255).round() / 255


class Tokens(nn.Module):
    """Turns a map into tokens, and ends with what looks like a map again: attention over them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.mixed, self.out = nn.Conv2d(3, 6, 4, stride=4), nn.Linear(6, 6), nn.Linear(6, BITS)
        self.order, self.softmax = nn.Identity(), nn.Softmax(-1)

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = self.order(self.patches(inputs).flatten(2).transpose(1, 2))
        attention = self.softmax((tokens @ self.mixed(tokens).transpose(1, 2))[:, None])
        found: Tensor = self.out((attention[:, 0] @ tokens).mean(1))
        return found


class Block(nn.Module):
    """A block that ends without a map; a shortcut passes its inner map by."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Conv2d(4, 4, 3, padding=1), nn.AvgPool2d(SIDE)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.outer(self.inner(inputs) + inputs).flatten(1)  # type: ignore[no-any-return]


def convolutions(*, side: int = SIDE, pool: nn.Module | None = None) -> nn.Sequential:
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(SIDE // side), pool or nn.Identity(), nn.Flatten()]
    return nn.Sequential(*layers, nn.LazyLinear(BITS))


@pytest.mark.parametrize(
    ("make", "layer"),
    [
        (lambda: nn.Sequential(Rounded(), *convolutions()), "network.3"),  # what follows the pool
        (lambda: convolutions(pool=nn.AdaptiveAvgPool2d(7)), "network.1"),
        (lambda: convolutions(side=1, pool=nn.AdaptiveAvgPool2d(7)), "network.0"),  # it blows up one position
        (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.LazyLinear(BITS)), None),
        (Tokens, None),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), Block(), nn.Linear(4, BITS)), "network.0"),
        (lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, BITS, SIDE), nn.Flatten())), None),
    ],
    ids=["behind-a-jpeg", "pooled", "blown-up", "no-convolution", "tokens", "shortcut", "torchscript"],
)
@pytest.mark.filterwarnings("ignore:Lazy modules", "ignore:.torch.jit.script. is deprecated")
def test_the_last_convolutional_map_is_explained_or_the_image(make: Callable[[], nn.Module], layer: str | None) -> None:
    network = make()
    network(IMAGES)  # sizes what is lazy
    found = grad_cam(wrap(network, bits=BITS, image_size=SIDE), IMAGES)
    assert (found.layer, tuple(found.maps.shape)) == (layer, (len(IMAGES), SIDE, SIDE))
    assert (found.maps >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "name", "layer", "cells"),
    [
        ("torchvision", "resnet50", "layer4", 7),
        ("torchvision", "densenet161", "features", 7),
        ("torchvision", "vgg11", "features", 7),
        ("torchvision", "mobilenet_v3_small", "features", 7),
        ("timm", "resnet50", "layer4", 7),
        ("timm", "densenet161", "features", 7),
        ("timm", "vit_tiny_patch16_224", None, 224),
        ("timm", "swin_tiny_patch4_window7_224", None, 224),
    ],
)
def test_layers_of_known_networks(library: str, name: str, layer: str | None, cells: int) -> None:
    torch.manual_seed(0)
    if library == "timm":
        network = pytest.importorskip("timm").create_model(name, pretrained=False)
    else:
        network = pytest.importorskip("torchvision").models.get_model(name, weights=None)
    found = grad_cam(wrap(network, bits=1000, image_size=224), torch.rand(2, 3, 224, 224))
    assert (found.layer, tuple(found.maps.shape)) == (layer and f"network.{layer}", (2, cells, cells))
    assert found.maps.any()


class Broken(SmallVictim):
    """Outputs NaN."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) * torch.nan


@pytest.mark.parametrize(
    ("model", "images", "error", "told"),
    [
        (TextVictim(), torch.zeros(2, 48), CapabilityError, "takes texts"),
        (SmallVictim(), IMAGES[:0], CapabilityError, "at least one"),
        (SmallVictim(), IMAGES[..., 1:], CapabilityError, "no Grad-CAM of"),
        (Broken(), IMAGES, ContractError, "NaN"),
    ],
)
def test_what_cannot_be_explained(model: HashModel, images: Tensor, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        grad_cam(model, images)


def test_signs_have_no_gradient_to_explain_them_by() -> None:
    model = wrap(nn.Sequential(nn.Flatten(), Rounded(), nn.Linear(3 * SIDE**2, BITS)), bits=BITS, image_size=SIDE)
    assert not grad_cam(model, IMAGES).maps.any()  # rounding has the gradient 0
    detached = wrap(nn.Sequential(nn.Flatten(), Detached(3 * SIDE**2, BITS)), bits=BITS, image_size=SIDE)
    with pytest.raises(CapabilityError, match="no gradient"):
        grad_cam(detached, IMAGES)


class Detached(nn.Linear):
    """A layer without a gradient."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).detach()
