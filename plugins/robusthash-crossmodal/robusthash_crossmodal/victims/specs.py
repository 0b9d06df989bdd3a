"""The models and backbones of this folder. Importable without torch."""

from collections.abc import Callable, Iterator
from typing import Any

from robusthash.specs import BackboneSpec, ModelSpec

_DATASET = "pairs-digits"  #: that these models are trained on unless a run names another
_CLIP = "radford2021learning"
_CPAH = "xie2020multi"
_DCMH = "jiang2017deep"
_DCHMT = "tu2022differentiable"
_DJSRH = "su2019deep"
_FPAD = "yu2025fpad"


def models() -> Iterator[ModelSpec]:
    """Models with two towers."""
    yield from _cpah()
    yield from _dcmh()
    yield from _djsrh()
    yield from _fpad()
    yield from _dchmt()


def backbones() -> Iterator[BackboneSpec]:
    """Feature networks of texts, and CNN-F."""
    words = "robusthash_crossmodal.victims.networks.words:WordsMLP"
    for name, summary, options in (
        ("words-mlp", "Bags of words: one fully connected layer of 1,024 with ReLU", {}),
        (
            "words-mlp/cpah",
            "CPAH's text network: one layer of 512 with batch normalisation",
            {"widths": (512,), "batch_norm": True},
        ),
        ("words-mlp/dcmh", "DCMH's text network: one layer of 8,192 with ReLU", {"widths": (8192,)}),
        (
            "words-mlp/fpad",
            "FPAD's text network: 8,192 and 4,096 with batch normalisation and dropout",
            {"widths": (8192, 4096), "batch_norm": True, "dropout": 0.2},
        ),
        ("words-mlp/djsrh", "DJSRH's text network: one layer of 4,096 with ReLU", {"widths": (4096,)}),
        ("words-tfidf", "Bags of words weighted by TF-IDF, then one layer of 1,024 with ReLU", {"tfidf": True}),
    ):
        yield BackboneSpec(name=name, factory=words, summary=summary, options=options)
    yield BackboneSpec(
        name="words-transformer",
        factory="robusthash_crossmodal.victims.networks.transformer:WordsTransformer",
        summary="Self-attention among the embeddings of a text's words",
    )
    yield from _clip()
    yield BackboneSpec(
        name="cnn-f",
        factory="robusthash_crossmodal.victims.networks.cnnf:CnnF",
        summary="CNN-F, the image network of DCMH, for 224x224",
        paper="chatfield2014return",
    )


def _presets(factory: str, paper: str) -> Callable[[str, str, dict[str, Any], dict[str, Any]], ModelSpec]:
    """What makes the presets of a model: from a name, a summary, options, and values of the recipe."""

    def preset(name: str, summary: str, options: dict[str, Any], recipe: dict[str, Any]) -> ModelSpec:
        return ModelSpec(
            name=name,
            factory=f"robusthash_crossmodal.victims.{factory}",
            summary=summary,
            options=options,
            recipe=recipe,
            paper=paper,
            dataset=_DATASET,
        )

    return preset


def _clip() -> Iterator[BackboneSpec]:
    large, small = {"width": 1024, "layers": 24, "heads": 16, "output": 768}, {"width": 64, "layers": 2, "heads": 4}

    def tower(name: str, factory: str, summary: str, **options: int | str) -> BackboneSpec:
        factory = f"robusthash_crossmodal.victims.networks.clip.{factory}"
        return BackboneSpec(name=name, factory=factory, summary=summary, options=options, paper=_CLIP)

    image, text = "image:ClipImage", "text:ClipText"
    yield tower("clip-vit-b32", image, "CLIP's image tower, base size, patches of 32x32")
    yield tower("clip-vit-b16", image, "CLIP's image tower, base size, patches of 16x16", patch=16)
    yield tower("clip-vit-l14", image, "CLIP's image tower, large, patches of 14x14", patch=14, **large)
    tiny = {"image_size": 16, "patch": 4, "output": 64, **small}
    yield tower("clip-vit/small", image, "CLIP's image tower in small, for images of 16x16", **tiny)
    yield tower("clip-text", text, "CLIP's text tower beside the base image towers, over the words of a bag")
    summary = "CLIP's text tower beside the large image tower, over the words of a bag"
    yield tower("clip-text/l14", text, summary, width=768, heads=12, output=768)
    summary = "CLIP's text tower in small, with random weights and a token for each letter"
    letters = {"tokens": 514, "pieces": 12, "context": 128, "output": 64, **small}
    yield tower("clip-text/small", text, summary, weights="random", **letters)


def _cpah() -> Iterator[ModelSpec]:
    preset = _presets("cpah:CPAH", _CPAH)
    yield preset(
        "cpah", "Common and private features, told apart by an adversary; the common ones hashed (CPAH)", {}, {}
    )
    yield preset(
        "cpah/released",
        "CPAH with the weights and the rate of public code",
        {"balance": False},
        {"lr": 1e-4, "weight_decay": 5e-4, "epochs": 100, "batch_size": 256, "backbone_lr_scale": 0.0},
    )


def _dcmh() -> Iterator[ModelSpec]:
    preset = _presets("dcmh:DCMH", _DCMH)
    yield preset("dcmh", "Cross-modal pairwise likelihood, weighted by similarity (DCMH)", {}, {})
    yield preset(
        "dcmh/released",
        "DCMH as in public code",
        {"balance": False, "bounded": False, "eta": 1.0, "hidden": None, "text": "words-mlp/dcmh"},
        {"optimizer": "sgd", "momentum": 0.0, "lr": 10**-1.5, "epochs": 500, "batch_size": 128, "schedule": "cosine"},
    )


def _dchmt() -> Iterator[ModelSpec]:
    preset = _presets("dchmt:DCHMT", _DCHMT)
    yield preset("dchmt", "Distances across and within the towers, pulled to 0 or pushed to a margin (DCHMT)", {}, {})
    yield preset(
        "clip-hash",
        "CLIP's towers, frozen, with hash layers trained by DCHMT's loss",
        {"image": "clip-vit-b32", "text": "clip-text"},
        {"backbone_lr_scale": 0.0},
    )
    yield preset(
        "clip-hash/small",
        "The towers of clip-hash in small, trained from random weights: to try what CLIP's would do",
        {"image": "clip-vit/small", "text": "clip-text/small"},
        {},
    )


def _djsrh() -> Iterator[ModelSpec]:
    preset = _presets("djsrh:DJSRH", _DJSRH)
    yield preset("djsrh", "Reconstructed similarities of images and texts, without labels (DJSRH)", {}, {})
    released = {"optimizer": "sgd", "lr": 0.001, "weight_decay": 5e-4, "batch_size": 32, "epochs": 80}
    yield preset(
        "djsrh/released",
        "DJSRH as in its authors' code, for MIRFlickr",
        {"text": "words-mlp/djsrh", "hidden": None, "beta": 0.9, "eta": 0.4, "mu": 1.5, "centred": False},
        released,
    )


def _fpad() -> Iterator[ModelSpec]:
    preset = _presets("fpad:FpadNet", _FPAD)
    yield preset("fpad-net", "FPAD's networks: contrast to class codes that are learnt from class means", {}, {})
    wide = {"text": "words-mlp/fpad", "hidden": (2048, 1024), "text_hidden": (1024,), "class_width": 1024}
    recipe = {"optimizer": "sgd", "lr": 0.005, "weight_decay": 5e-4, "batch_size": 256, "epochs": 120}
    yield preset("fpad-net/released", "FPAD's networks in their published widths", wide, recipe)
