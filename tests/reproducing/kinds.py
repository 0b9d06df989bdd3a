"""Evaluations of every kind of record, small: what each is called, and how it is evaluated.

``{folder}`` is where the files are that a record cannot hold: checkpoints, a fitted attack, networks, photographs.
"""

from pathlib import Path

import numpy as np
from PIL import Image

OWN = """
import torch
from torch import nn


class Noisy(nn.Module):
    def __init__(self, bits, spread):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.spread = spread
        self.weight = nn.Parameter(torch.randn(bits, 3 * 16 * 16, generator=generator) / 16)

    def forward(self, images):
        outputs = (images - 0.5).flatten(1) @ self.weight.T
        return outputs + self.spread * torch.randn_like(outputs)


def build(bits):
    return Noisy(bits, 0.0)


def randomised(bits):
    return Noisy(bits, 0.05)
"""

_QUICK = ("-o", "train.epochs=3")

#: Commands that make the files.
FILES: dict[str, str] = {
    "trained.safetensors": "train --model hashnet --seed 5 -o train.epochs=3 --output {folder}/trained.safetensors",
    "hardened.safetensors": (
        "harden cgat/fast --model dpsh -o train.epochs=3 -o cgat/fast.epochs=1 --seed 2 "
        "--output {folder}/hardened.safetensors"
    ),
    "uap.safetensors": "fit uap --model dpsh -o train.epochs=3 -o uap.steps=20 --output {folder}/uap.safetensors",
}

#: What is evaluated, by kind; each leaves a record of the attack and one of noise.
KINDS: dict[str, str] = {
    "closed form, hinge": "--model lsh --attack hinge -o hinge.steps=5",
    "trained, rnm": "--model dpsh --attack rnm -o rnm.steps=10",
    "trained, hag, seed 4": "--model csq --attack hag --seed 4 -o hag.steps=10",
    "descriptors": "--model features --attack descriptor -o descriptor.steps=5",
    "after JPEG compression": "--model dpsh --attack hinge -o hinge.steps=5 --jpeg 75",
    "image to text": "--model dcmh --direction i2t --attack rnm -o rnm.steps=5 -o train.epochs=2",
    "text to image": "--model dcmh --direction t2i --attack rnm -o rnm.steps=5 -o train.epochs=2 --epsilon 0.1",
    "tags edited": "--model dcmh --direction t2i --attack tag-edits --edits 2 -o train.epochs=2",
    "fuzzy prototypes": "--model dcmh --direction i2t --attack fpad -o attack:fpad.steps=5 -o train.epochs=2",
    "generator, learnt in the run": (
        "--model dpsh --attack prosgan -o attack:prosgan.steps=20 -o prosgan.prototype_steps=20"
    ),
    "universal, fitted before": "--model dpsh --fitted {folder}/uap.safetensors",
    "fitted, and transferred": "--model csq --fitted {folder}/uap.safetensors",
    "ensemble": "--model dpsh --attack strongest",
    "targeted": "--model dpsh --attack tanh-p2s -o tanh-p2s.steps=10",
    "transfer": "--model dpsh --surrogate csq --attack hinge -o hinge.steps=5",
    "defended by JPEG": "--model dpsh --defense jpeg --attack rnm -o rnm.steps=5",
    "defended by fewer levels": "--model dpsh --defense bit-depth --attack rnm -o rnm.steps=5",
    "hardened in the run": "--model dpsh --defense cgat/fast -o cgat/fast.epochs=1 --attack rnm -o rnm.steps=5",
    "hardened, from a checkpoint": "--model {folder}/hardened.safetensors --attack hinge -o hinge.steps=5",
    "within L2": "--model dpsh --attack rnm -o rnm.steps=5 --epsilon l2:0.5",
    "black box": "--model dpsh --attack square -o square.queries=30",
    "checkpoint, adaptive steps": "--model {folder}/trained.safetensors --attack mainstay -o mainstay.step=adaptive",
    "warm start": "--model dpsh --attack rnm -o rnm.start=uap -o rnm.steps=5 -o uap.steps=20",
    "somebody's own network": "--model {folder}/own.py:build --attack hinge -o hinge.steps=5",
    "randomised network": "--model {folder}/noisy.py:randomised --attack hinge -o hinge.passes=2 -o hinge.steps=5",
    "photographs": (
        "--dataset folder --data-root {folder}/photographs --image-size 16 --model lsh --backbone small-cnn "
        "--attack rnm"
    ),
    "visible patch": "--model dpsh --attack patch -o patch.steps=10",
    "bfloat16": "--model dpsh --attack rnm -o rnm.steps=5 --precision bf16",
}

TRAINED = frozenset(kind for kind, asked in KINDS.items() if "--model dpsh" in asked or "--model csq" in asked)

#: What a record cannot hold, for reproduce.
GIVEN = (
    "--data-root {folder}/photographs "
    "--checkpoint {folder}/trained.safetensors --checkpoint {folder}/hardened.safetensors "
    "--fitted {folder}/uap.safetensors --model {folder}/own.py:build --model {folder}/noisy.py:randomised"
)


def command(kind: str, folder: Path) -> list[str]:
    """The arguments of ``robusthash eval`` for a kind."""
    asked = KINDS[kind].format(folder=folder).split()
    short = [] if "train.epochs=2" in asked or kind not in TRAINED else list(_QUICK)
    return ["eval", *asked, *short, "--queries", "24", "--shard-size", "16"]


def write_sources(folder: Path) -> None:
    """Writes the network and the photographs."""
    (folder / "own.py").write_text(OWN)
    (folder / "noisy.py").write_text(OWN)
    draw = np.random.default_rng(0)
    for label in range(3):
        base = draw.integers(0, 256, (4, 4, 3))
        for number in range(30):
            levels = np.clip(base + draw.integers(-60, 60, base.shape), 0, 255).astype(np.uint8)
            image = Image.fromarray(levels).resize((20, 20))
            path = folder / "photographs" / f"class{label}" / f"{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
