"""Objectives that compare an item with its classes, by a classifier or by centres."""

from collections.abc import Iterator
from typing import Any

from robusthash.specs import ModelSpec
from robusthash_models.announced.recipes import DEEPHASH, OURS, SAAT, TUNED


def with_classes() -> Iterator[ModelSpec]:
    """Losses that compare an item with its classes, by a classifier or by centres."""
    yield from _greedyhash()
    yield from _csq()
    yield from _dpn()
    yield from _orthohash()


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

    yield preset("greedyhash", f"Classification of the binary codes, with a straight-through sign; {TUNED}", {}, OURS)
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

    yield preset("csq", f"Central similarity: pulls items to the hash centres of their classes; {TUNED}", {}, OURS)
    yield preset("csq/saat", "CSQ as in SAAT's code", {"quantisation": 0.05}, SAAT)
    yield preset(
        "csq/deephash",
        "CSQ as in DeepHash-pytorch",
        {},
        {"optimizer": "adam", "lr": 1e-3, "epochs": 150, "batch_size": 128},
    )
    yield preset("csq/cgat", "CSQ as in CgAT's code", {}, SAAT | {"batch_size": 64, "augment": "flip-crop"})
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

    yield preset("dpn", f"Pushes each bit to the side of its class's target by a margin; {TUNED}", {}, OURS)
    random = {"targets": "random"}
    yield preset("dpn/deephash", "DPN as in DeepHash-pytorch", random, DEEPHASH | {"batch_size": 32})
    yield preset("dpn/saat", "DPN as in SAAT's code", random | {"relaxation": "tanh"}, SAAT)


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

    yield preset("orthohash", f"Cosine to a fixed binary code of the class, with a margin; {TUNED}", {}, OURS)
    random = {"targets": "random"}
    # That code normalises over the batch only in training; here retrieval uses the logits that training saw.
    yield preset("orthohash/saat", "OrthoHash as in SAAT's code, but retrieval keeps the normalisation", random, SAAT)
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
