"""What this distribution offers; importable without torch."""

from collections.abc import Iterator
from typing import Any

from robusthash import hookimpl
from robusthash.specs import BackboneSpec, ModelSpec

_DPSH = "robusthash_models.objectives.dpsh:DPSH"
_DPSH_PAPER = "li2016feature"
_HASHNET = "robusthash_models.objectives.hashnet:HashNet"
_HASHNET_PAPER = "cao2017hashnet"
_DSH = "robusthash_models.objectives.dsh:DSH"
_DSH_PAPER = "liu2016deep"
_DPH = "robusthash_models.objectives.dph:DPH"
_DPH_PAPER = "yang2018adversarial"
_DCH = "robusthash_models.objectives.dch:DCH"
_DCH_PAPER = "cao2018deep"
_DSDH = "robusthash_models.objectives.dsdh:DSDH"
_DSDH_PAPER = "li2017deep"

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
    """Objectives, with our presets for small images and those of public repositories; and untrained models."""
    yield from _dpsh()
    yield from _hashnet()
    yield from _pairwise()
    yield from _with_classes()
    yield from _wasserstein()
    yield from _untrained()


def _dpsh() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DPSH, summary=summary, options=options, recipe=recipe, paper=_DPSH_PAPER)

    yield preset("dpsh", "Pairwise likelihood, batch pairs; tuned for small images and few epochs", {}, _OURS)
    sums = {"pairing": "bank", "eta": 50.0, "divisor": "pairs"}
    yield preset("dpsh/prosgan", "DPSH as in ProS-GAN's code", sums, _PROSGAN)
    yield preset("dpsh/saat", "DPSH as in SAAT's code", sums, _SAAT)
    # That code crops 224 of images resized to 256; here the crop follows a padding by an eighth of the side.
    yield preset(
        "dpsh/cgat",
        "DPSH as in CgAT's code",
        {"pairing": "bank", "eta": 0.001},
        _SAAT | {"batch_size": 64, "augment": "flip-crop"},
    )
    # That code flips and crops images resized to 256, except on CIFAR; here there is no augmentation by default.
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

    yield preset(
        "hashnet",
        "Pairwise likelihood with continuation, batch pairs; tuned for small images and few epochs",
        {},
        _OURS,
    )
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
        "HashNet as in its authors' code, with one batch of 72 instead of two of 36",
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


def _pairwise() -> Iterator[ModelSpec]:
    yield from _dsh()
    yield from _dph()
    yield from _dch()
    yield from _dsdh()


def _dsh() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DSH, summary=summary, options=options, recipe=recipe, paper=_DSH_PAPER)

    yield preset("dsh", "Contrastive loss, batch pairs; tuned for small images and few epochs", {}, _OURS)
    yield preset(
        "dsh/deephash",
        "DSH as in DeepHash-pytorch",
        {"pairing": "bank", "alpha": 0.1},
        _DEEPHASH | {"epochs": 250, "batch_size": 64},
    )
    # The loss and its weight are the paper's.
    yield preset(
        "dsh/weixu",
        "DSH as in DSH-pytorch",
        {"alpha": 0.01, "regulariser": "pair"},
        {"optimizer": "adam", "lr": 1e-3, "weight_decay": 0.004, "epochs": 500, "batch_size": 256},
    )


def _dph() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DPH, summary=summary, options=options, recipe=recipe, paper=_DPH_PAPER)

    yield preset("dph", "Least squares on pairs, batch pairs; tuned for small images and few epochs", {}, _OURS)
    bank = {"pairing": "bank"}
    yield preset("dph/prosgan", "DPH as in ProS-GAN's code", bank, _PROSGAN)
    yield preset("dph/atrdh", "DPH as in ATRDH's code", bank, _SAAT | {"batch_size": 24})
    yield preset("dph/saat", "DPH as in SAAT's code", bank, _SAAT)
    yield preset("dph/cgat", "DPH as in CgAT's code", bank, _SAAT | {"batch_size": 64, "augment": "flip-crop"})


def _dch() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DCH, summary=summary, options=options, recipe=recipe, paper=_DCH_PAPER)

    yield preset("dch", "Pairwise Cauchy likelihood, batch pairs; tuned for small images and few epochs", {}, _OURS)
    yield preset(
        "dch/deephash",
        "DCH as in DeepHash-pytorch",
        {"relaxation": "identity"},
        _DEEPHASH | {"batch_size": 128},
    )
    yield preset("dch/cgat", "DCH as in CgAT's code", {}, _SAAT | {"batch_size": 64, "augment": "flip-crop"})


def _dsdh() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DSDH, summary=summary, options=options, recipe=recipe, paper=_DSDH_PAPER)

    yield preset("dsdh", f"Pairwise likelihood, with discrete codes that fit the labels; {_TUNED}", {}, _OURS)
    # Both lack the term through which the discrete codes would affect the network.
    likelihood = {"pairing": "bank", "eta": 55.0, "pull": False}
    yield preset(
        "dsdh/deephash",
        "DSDH as in DeepHash-pytorch, where only the pairs affect the network",
        likelihood | {"relaxation": "identity"},
        _DEEPHASH | {"batch_size": 128},
    )
    yield preset(
        "dsdh/cgat",
        "DSDH as in CgAT's code, where only the pairs affect the network",
        likelihood,
        _SAAT | {"batch_size": 64, "augment": "flip-crop"},
    )


def _with_classes() -> Iterator[ModelSpec]:
    """Losses that compare an item with its classes, by a classifier or by centres."""
    yield from _greedyhash()
    yield from _csq()
    yield from _dpn()
    yield from _orthohash()


_TUNED = "tuned for small images and few epochs"


def _greedyhash() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name,
            factory="robusthash_models.objectives.greedyhash:GreedyHash",
            summary=summary,
            options=options,
            recipe=recipe,
            paper="su2018greedy",
        )

    yield preset("greedyhash", f"Classification of the binary codes, with a straight-through sign; {_TUNED}", {}, _OURS)
    deephash = {
        "optimizer": "sgd",
        "lr": 1e-3,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "epochs": 200,
        "batch_size": 64,
        "schedule": "step",
        "step_epochs": 30,
    }
    yield preset("greedyhash/deephash", "GreedyHash as in DeepHash-pytorch", {}, deephash)
    yield preset(
        "greedyhash/deephash-imagenet",
        "GreedyHash as in DeepHash-pytorch for ImageNet",
        {"alpha": 1.0},
        deephash | {"step_epochs": 80},
    )
    yield preset(
        "greedyhash/official",
        "GreedyHash as in its authors' code for CIFAR-10 (I)",
        {},
        deephash | {"epochs": 50, "batch_size": 32},
    )


def _csq() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name,
            factory="robusthash_models.objectives.csq:CSQ",
            summary=summary,
            options=options,
            recipe=recipe,
            paper="yuan2020central",
        )

    yield preset("csq", f"Central similarity: pulls items to the hash centres of their classes; {_TUNED}", {}, _OURS)
    yield preset("csq/saat", "CSQ as in SAAT's code", {"quantisation": 0.05}, _SAAT)
    yield preset(
        "csq/deephash",
        "CSQ as in DeepHash-pytorch",
        {},
        {"optimizer": "adam", "lr": 1e-3, "epochs": 150, "batch_size": 128},
    )
    yield preset("csq/cgat", "CSQ as in CgAT's code", {}, _SAAT | {"batch_size": 64, "augment": "flip-crop"})
    # The authors compare the halves of a batch of 64, and have two more layers before the hash layer.
    yield preset(
        "csq/official",
        "CSQ as in its authors' code, with the pairwise likelihood and a single hash layer",
        {"quantisation": 0.05, "likelihood": 0.2},
        {
            "optimizer": "adam",
            "lr": 1e-3,
            "backbone_lr_scale": 0.01,
            "epochs": 90,
            "batch_size": 64,
            "schedule": "step",
            "step_factor": 0.7,
            "step_epochs": 10,
        },
    )


def _dpn() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name,
            factory="robusthash_models.objectives.dpn:DPN",
            summary=summary,
            options=options,
            recipe=recipe,
            paper="fan2020deep",
        )

    yield preset("dpn", f"Pushes each bit to the side of its class's target by a margin; {_TUNED}", {}, _OURS)
    random = {"targets": "random"}
    yield preset("dpn/deephash", "DPN as in DeepHash-pytorch", random, _DEEPHASH | {"batch_size": 32})
    yield preset("dpn/saat", "DPN as in SAAT's code", random | {"relaxation": "tanh"}, _SAAT)


def _orthohash() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name,
            factory="robusthash_models.objectives.orthohash:OrthoHash",
            summary=summary,
            options=options,
            recipe=recipe,
            paper="hoe2021one",
        )

    yield preset("orthohash", f"Cosine to a fixed binary code of the class, with a margin; {_TUNED}", {}, _OURS)
    random = {"targets": "random"}
    # That code normalises over the batch only in training; here retrieval uses the logits that training saw.
    yield preset("orthohash/saat", "OrthoHash as in SAAT's code, but retrieval keeps the normalisation", random, _SAAT)
    yield preset(
        "orthohash/official",
        "OrthoHash as in its authors' code",
        random,
        {
            "optimizer": "adam",
            "lr": 1e-4,
            "weight_decay": 5e-4,
            "epochs": 100,
            "batch_size": 256,
            "schedule": "step",
            "step_epochs": 80,
        },
    )


def _wasserstein() -> Iterator[ModelSpec]:
    """HSWD added to other losses."""

    def preset(name: str, of: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name,
            factory=f"robusthash_models.objectives.hswd:{of}WithHSWD",
            summary=summary,
            options=options,
            recipe=recipe,
            paper="doan2022one",
        )

    for of in ("DPSH", "HashNet", "CSQ"):
        yield preset(f"{of.lower()}-hswd", of, f"{of} with codes matched to a fair coin's; {_TUNED}", {}, _OURS)
    by_iteration = {"pairing": "bank", "unit": "iteration", "every": 200}
    yield preset("hashnet-hswd/saat", "HashNet", "HashNet with HSWD as in SAAT's code", by_iteration, _SAAT)


def _untrained() -> Iterator[ModelSpec]:
    """Models without gradient training: projections of features in closed form, and perceptual hashes."""
    for name, summary, paper in (
        ("lsh", "Random projections of the backbone's features", "charikar2002similarity"),
        ("itq", "Principal components of the backbone's features, rotated towards binary codes", "gong2011iterative"),
    ):
        yield ModelSpec(
            name=name, factory=f"robusthash_models.baselines.{name}:{name.upper()}", summary=summary, paper=paper
        )
    yield ModelSpec(
        name="features",
        factory="robusthash_models.baselines.features:Features",
        summary="The backbone's features at unit norm, searched as continuous descriptors by their cosine",
    )
    folder = "robusthash_models.perceptual"
    yield ModelSpec(
        name="phash",
        factory=f"{folder}.phash:PHash",
        summary="Perceptual hash of the library ImageHash: a black box of 64 bits",
        paper="zauner2010implementation",
    )
    yield ModelSpec(
        name="pdq",
        factory=f"{folder}.pdq:PDQ",
        summary="Perceptual hash of Meta's ThreatExchange: a black box of 256 bits",
        paper="dalins2019pdq",
    )


@hookimpl
def robusthash_backbones() -> Iterator[BackboneSpec]:
    """A network for small images, and those of torchvision and timm."""
    folder = "robusthash_models.backbones"
    yield BackboneSpec(
        name="small-cnn",
        factory=f"{folder}.small:SmallCNN",
        summary="Three convolutions, for small images of 8x8 and more",
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
            summary=f"VGG of {depth} layers, including its first two fully connected ones",
            options={"depth": depth},
            paper="simonyan2015very",
        )
    yield BackboneSpec(
        name="alexnet",
        factory=f"{folder}.alexnet:AlexNet",
        summary="AlexNet, including its first two fully connected layers",
        paper="krizhevsky2012imagenet",
    )
    yield BackboneSpec(
        name="densenet161",
        factory=f"{folder}.densenet:DenseNet161",
        summary="Densely connected network of 161 layers",
        paper="huang2017densely",
    )
    yield from _more_backbones(folder)


def _more_backbones(folder: str) -> Iterator[BackboneSpec]:
    yield BackboneSpec(
        name="vit-b-16",
        factory=f"{folder}.vit:ViTB16",
        summary="Vision transformer, base size, patches of 16x16",
        paper="dosovitskiy2021image",
    )
    yield BackboneSpec(
        name="mobilenet-v1",
        factory=f"{folder}.mobilenet:MobileNetV1",
        summary="Depthwise separable convolutions, the first version",
        paper="howard2017mobilenets",
    )
    yield BackboneSpec(
        name="torchvision",
        factory=f"{folder}.torchvision_models:TorchvisionModel",
        summary="Any classifier of torchvision without its last layer, named by the option name",
    )
    yield BackboneSpec(
        name="timm",
        factory=f"{folder}.timm_models:TimmModel",
        summary="Any network of timm without its classifier, named by the option name",
    )
