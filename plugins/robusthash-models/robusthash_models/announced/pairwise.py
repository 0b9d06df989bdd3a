"""Objectives that compare items in pairs."""

from collections.abc import Iterator
from typing import Any

from robusthash.specs import ModelSpec
from robusthash_models.announced.recipes import DEEPHASH, OURS, PROSGAN, SAAT, TUNED

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


def pairwise() -> Iterator[ModelSpec]:
    """Losses that compare items in pairs."""
    yield from _dpsh()
    yield from _hashnet()
    yield from _dsh()
    yield from _dph()
    yield from _dch()
    yield from _dsdh()


def _dpsh() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DPSH, summary=summary, options=options, recipe=recipe, paper=_DPSH_PAPER)

    yield preset("dpsh", "Pairwise likelihood, batch pairs; tuned for small images and few epochs", {}, OURS)
    sums = {"pairing": "bank", "eta": 50.0, "divisor": "pairs"}
    yield preset("dpsh/prosgan", "DPSH as in ProS-GAN's code", sums, PROSGAN)
    yield preset("dpsh/saat", "DPSH as in SAAT's code", sums, SAAT)
    # That code crops 224 of images resized to 256; here the crop follows a padding by an eighth of the side.
    yield preset(
        "dpsh/cgat",
        "DPSH as in CgAT's code",
        {"pairing": "bank", "eta": 0.001},
        SAAT | {"batch_size": 64, "augment": "flip-crop"},
    )
    # That code flips and crops images resized to 256, except on CIFAR; here there is no augmentation by default.
    yield preset(
        "dpsh/deephash",
        "DPSH as in DeepHash-pytorch",
        {"pairing": "bank", "relaxation": "identity", "eta": 0.1},
        DEEPHASH | {"batch_size": 128},
    )
    yield preset(
        "dpsh/jiangqy",
        "DPSH as in DPSH-pytorch, by an author of the paper",
        {"pairing": "bank", "relaxation": "identity", "eta": 10.0, "divisor": "pairs"},
        PROSGAN | {"epochs": 150, "batch_size": 128},
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
        OURS,
    )
    by_iteration = {"unit": "iteration", "every": 200}
    bank = {"pairing": "bank"} | by_iteration
    yield preset("hashnet/prosgan", "HashNet as in ProS-GAN's code", bank | {"alpha": 0.1}, PROSGAN)
    yield preset("hashnet/saat", "HashNet as in SAAT's code", bank, SAAT)
    yield preset(
        "hashnet/deephash",
        "HashNet as in DeepHash-pytorch",
        {"alpha": 0.1, "every": 20},
        DEEPHASH | {"batch_size": 64},
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


def _dsh() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DSH, summary=summary, options=options, recipe=recipe, paper=_DSH_PAPER)

    yield preset("dsh", "Contrastive loss, batch pairs; tuned for small images and few epochs", {}, OURS)
    yield preset(
        "dsh/deephash",
        "DSH as in DeepHash-pytorch",
        {"pairing": "bank", "alpha": 0.1},
        DEEPHASH | {"epochs": 250, "batch_size": 64},
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

    yield preset("dph", "Least squares on pairs, batch pairs; tuned for small images and few epochs", {}, OURS)
    bank = {"pairing": "bank"}
    yield preset("dph/prosgan", "DPH as in ProS-GAN's code", bank, PROSGAN)
    yield preset("dph/atrdh", "DPH as in ATRDH's code", bank, SAAT | {"batch_size": 24})
    yield preset("dph/saat", "DPH as in SAAT's code", bank, SAAT)
    yield preset("dph/cgat", "DPH as in CgAT's code", bank, SAAT | {"batch_size": 64, "augment": "flip-crop"})


def _dch() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DCH, summary=summary, options=options, recipe=recipe, paper=_DCH_PAPER)

    yield preset("dch", "Pairwise Cauchy likelihood, batch pairs; tuned for small images and few epochs", {}, OURS)
    yield preset(
        "dch/deephash",
        "DCH as in DeepHash-pytorch",
        {"relaxation": "identity"},
        DEEPHASH | {"batch_size": 128},
    )
    yield preset("dch/cgat", "DCH as in CgAT's code", {}, SAAT | {"batch_size": 64, "augment": "flip-crop"})


def _dsdh() -> Iterator[ModelSpec]:
    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(name=name, factory=_DSDH, summary=summary, options=options, recipe=recipe, paper=_DSDH_PAPER)

    yield preset("dsdh", f"Pairwise likelihood, with discrete codes that fit the labels; {TUNED}", {}, OURS)
    # Both lack the term through which the discrete codes would affect the network.
    likelihood = {"pairing": "bank", "eta": 55.0, "pull": False}
    yield preset(
        "dsdh/deephash",
        "DSDH as in DeepHash-pytorch, where only the pairs affect the network",
        likelihood | {"relaxation": "identity"},
        DEEPHASH | {"batch_size": 128},
    )
    yield preset(
        "dsdh/cgat",
        "DSDH as in CgAT's code, where only the pairs affect the network",
        likelihood,
        SAAT | {"batch_size": 64, "augment": "flip-crop"},
    )
