"""What this distribution offers; importable without torch."""

from collections.abc import Iterator
from typing import Any

from robusthash import hookimpl
from robusthash.specs import BackboneSpec, ModelSpec

_DPSH = "robusthash_models.objectives.dpsh:DPSH"
_DPSH_PAPER = "li2016feature"
_HASHNET = "robusthash_models.objectives.hashnet:HashNet"
_HASHNET_PAPER = "cao2017hashnet"

_OURS = {"optimizer": "adam", "lr": 2e-3, "epochs": 20, "batch_size": 64}
_PROSGAN = {
    "optimizer": "sgd",
    "lr": 0.05,
    "momentum": 0.0,
    "weight_decay": 1e-5,
    "epochs": 100,
    "batch_size": 32,
    "schedule": "step",
}
_SAAT = _PROSGAN | {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
_DEEPHASH = {"optimizer": "rmsprop", "lr": 1e-5, "weight_decay": 1e-5, "epochs": 150}


@hookimpl
def robusthash_models() -> Iterator[ModelSpec]:
    """DPSH and HashNet: presets of our own for small set-ups, and those of the public repositories."""
    yield from _dpsh()
    yield from _hashnet()


def _dpsh() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DPSH, summary=summary, options=options, recipe=recipe, paper=_DPSH_PAPER)

    yield preset("dpsh", "Pairwise likelihood; batch pairs, tuned here for small images and few epochs", {}, _OURS)
    sums = {"pairing": "bank", "eta": 50.0, "divisor": "pairs"}
    yield preset("dpsh/prosgan", "DPSH as in ProS-GAN's code", sums, _PROSGAN)
    yield preset("dpsh/saat", "DPSH as in SAAT's code", sums, _SAAT)
    # That code crops 224 of images resized to 256; here the crop pads by an eighth of the side.
    yield preset(
        "dpsh/cgat",
        "DPSH as in CgAT's code",
        {"pairing": "bank", "eta": 0.001},
        _SAAT | {"batch_size": 64, "augment": "flip-crop"},
    )
    # That code flips and crops images resized to 256, CIFAR excepted; here nothing is augmented unless asked for.
    yield preset(
        "dpsh/deephash",
        "DPSH as in DeepHash-pytorch",
        {"pairing": "bank", "relaxation": "identity", "eta": 0.1},
        _DEEPHASH | {"batch_size": 128},
    )
    yield preset(
        "dpsh/jiangqy",
        "DPSH as in DPSH-pytorch, by an author of the paper",
        {"pairing": "bank", "relaxation": "identity", "eta": 10.0, "divisor": "pairs"},
        _PROSGAN | {"epochs": 150, "batch_size": 128},
    )


def _hashnet() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name, factory=_HASHNET, summary=summary, options=options, recipe=recipe, paper=_HASHNET_PAPER
        )

    yield preset("hashnet", "Continuation; batch pairs, tuned here for small images and few epochs", {}, _OURS)
    by_iteration = {"unit": "iteration", "every": 200}
    bank = {"pairing": "bank"} | by_iteration
    yield preset("hashnet/prosgan", "HashNet as in ProS-GAN's code", bank | {"alpha": 0.1}, _PROSGAN)
    yield preset("hashnet/saat", "HashNet as in SAAT's code", bank, _SAAT)
    yield preset(
        "hashnet/deephash",
        "HashNet as in DeepHash-pytorch",
        {"alpha": 0.1, "every": 20},
        _DEEPHASH | {"batch_size": 64},
    )
    # The authors compare two independent batches of 36 for 10,000 steps, and halve the rate every 2,000. Here one batch
    # of 72 is compared with itself, and the steps are counted in epochs of about 140 (10,000 training images).
    yield preset(
        "hashnet/official",
        "HashNet as in its authors' code; one batch of 72 for their two of 36",
        {"positive_weight": 1.0} | by_iteration,
        {
            "optimizer": "sgd",
            "lr": 0.003,
            "backbone_lr_scale": 0.1,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 5e-4,
            "epochs": 72,
            "batch_size": 72,
            "schedule": "step",
            "step_factor": 0.5,
            "step_epochs": 14,
        },
    )


@hookimpl
def robusthash_backbones() -> Iterator[BackboneSpec]:
    """A small network for small images, and torchvision's."""
    folder = "robusthash_models.backbones"
    yield BackboneSpec(
        name="small-cnn", factory=f"{folder}.small:SmallCNN", summary="Three convolutions, for images from 8x8 up"
    )
    for depth in ("18", "34", "50", "101", "152"):
        yield BackboneSpec(
            name=f"resnet{depth}",
            factory=f"{folder}.resnet:ResNet",
            summary=f"Residual network of {depth} layers",
            options={"depth": depth},
            paper="he2016deep",
        )
    for depth in ("11", "13", "16", "19"):
        yield BackboneSpec(
            name=f"vgg{depth}",
            factory=f"{folder}.vgg:VGG",
            summary=f"VGG of {depth} layers, with its fully connected ones",
            options={"depth": depth},
            paper="simonyan2015very",
        )
    yield BackboneSpec(
        name="alexnet",
        factory=f"{folder}.alexnet:AlexNet",
        summary="AlexNet, with its fully connected layers",
        paper="krizhevsky2012imagenet",
    )
    yield BackboneSpec(
        name="densenet161",
        factory=f"{folder}.densenet:DenseNet161",
        summary="Densely connected network of 161 layers",
        paper="huang2017densely",
    )
