"""Pictures, and models of the user's own that hash them without being trained."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

#: A linear hash of images, descriptors, and two towers that agree on the words of digits; with weights of a seed.
MODELS = """
import torch
from torch import nn
from robusthash.contracts import CrossModalHashModel, Distance, HashModel, Modality, Space

SEED = {seed}

class Linear(HashModel):
    def __init__(self, modality, bits):
        super().__init__()
        self.bits, self.modality = bits, modality
        draw = torch.Generator().manual_seed(SEED)
        self.register_buffer("weight", torch.randn(torch.Size(modality.shape).numel(), bits, generator=draw))

    def forward(self, inputs):
        flat = inputs.flatten(1)
        return (flat - flat.mean(1, keepdim=True)) @ self.weight

class Direction(Linear):
    def __init__(self, modality, size):
        super().__init__(modality, size)
        self.bits = None

    @property
    def space(self):
        return Space(distance=Distance.COSINE, size=6)

def build(image_size, bits):
    return Linear(Modality.image(image_size), bits)

def descriptors(image_size):
    return Direction(Modality.image(image_size), 6)

def towers(modalities, bits):
    return CrossModalHashModel({{name: Linear(one, bits) for name, one in modalities.items()}})
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``model.py`` and ``other.py``, another model, and an own cache."""
    for seed, name in enumerate(("model", "other")):
        (tmp_path / f"{name}.py").write_text(MODELS.format(seed=seed))
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photographs(place: Path) -> Path:
    """A folder of thirty pictures of several sizes, one of them broken."""
    folder = place / "photographs"
    noise = np.random.default_rng(0)
    for number in range(30):
        file = folder / f"class {number % 3}" / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = (20 + number, 30, 3)
        Image.fromarray(noise.integers(0, 256, shape, dtype=np.uint8)).save(file)
    (folder / "class 0" / "03.png").write_bytes(b"no picture")
    return folder
