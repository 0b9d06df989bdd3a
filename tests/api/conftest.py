"""What the tests of the API share: a network of the user's own, as an object and in a file."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

import robusthash as rh
from robusthash.contracts import HashModel, RetrievalData

NETWORK = '''"""A hash model of the user's own."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, bits):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
        self.drop = nn.Dropout(0.5)
        self.hash_layer = nn.Linear(8 * 49, bits)

    def forward(self, images):
        return self.hash_layer(self.drop(self.features(images - 0.5)))


def build(bits=16):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net(bits)
'''


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module on the import path, with a network and a function that builds it."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own_network.py").write_text(NETWORK)
    monkeypatch.syspath_prepend(folder)
    yield import_module("own_network")
    sys.modules.pop("own_network")


@pytest.fixture
def network(user_module: ModuleType) -> nn.Module:
    """A network of 16 bits for images of 16 pixels, in training mode as torch makes it."""
    built: nn.Module = user_module.build()
    return built


@pytest.fixture
def model(network: nn.Module) -> HashModel:
    """The same, wrapped."""
    return rh.wrap(network, image_size=16)


@pytest.fixture(scope="session")
def digits() -> RetrievalData:
    """The embedded dataset."""
    return rh.load_dataset("digits")


@pytest.fixture
def images() -> torch.Tensor:
    """(5, 3, 16, 16), on the 8-bit grid."""
    levels = torch.randint(0, 256, (5, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    return levels / 255
