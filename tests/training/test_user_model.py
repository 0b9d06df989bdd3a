"""Models of the user's own: what is accepted, and every way to get it wrong."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from robusthash.contracts import IMAGE, TEXT, CrossModalHashModel, HashModel, Modality
from robusthash.errors import CheckpointError, InputError, UsageError
from robusthash.training import user_model

NETWORK = """
import torch
from torch import nn

def build(bits=8):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, bits))
"""

EIGHT = {IMAGE: Modality.image(8)}  #: a dataset of images
WORDS = {TEXT: Modality.text(5)}  #: of texts
PAIRS = EIGHT | WORDS  #: of both
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(text: str, name: str = "mine.py") -> str:
        path = tmp_path / name
        path.write_text(text)
        return f"{path}:build"

    return writer


def test_a_plain_network_becomes_a_hash_model(write: Write) -> None:
    model = user_model(write(NETWORK), bits=16, modalities=EIGHT)
    assert isinstance(model, HashModel)
    assert model.bits == 16
    assert model.modality.shape == (3, 8, 8)
    assert not model.training
    codes = model.codes(torch.rand(5, 3, 8, 8))
    assert codes.shape == (5, 16)
    assert codes.dtype == torch.int8


def test_the_models_own_bits_are_found(write: Write) -> None:
    assert user_model(write(NETWORK), modalities=EIGHT).bits == 8


@pytest.mark.parametrize(
    "signature", ["bits", "*, bits, image_size", "bits=32, image_size=8", "image_size, bits, **more", "**all"]
)
def test_signatures_are_met(write: Write, signature: str) -> None:
    body = "all['bits']" if signature == "**all" else "bits"
    text = NETWORK.replace("bits=8", signature).replace(", bits)", f", {body})")
    assert user_model(write(text), bits=16, modalities=EIGHT).bits == 16


def test_a_function_without_parameters_and_a_class_are_met(write: Write) -> None:
    assert user_model(write(NETWORK.replace("bits=8", "").replace(", bits)", ", 4)")), modalities=EIGHT).bits == 4
    text = """
from torch import nn
class build(nn.Module):
    def __init__(self, bits):
        super().__init__()
        self.layer = nn.Linear(192, bits)
    def forward(self, x):
        return self.layer(x.flatten(1))
"""
    assert user_model(write(text), bits=4, modalities=EIGHT).bits == 4


HASH_MODEL = """
from torch import nn
from robusthash.contracts import HashModel, Modality
class build(HashModel):
    def __init__(self, bits):
        super().__init__()
        self.bits = BITS
        self.modality = Modality.image(8)
        self.layer = nn.Linear(192, bits)
    def forward(self, inputs):
        return self.layer(inputs.flatten(1))
"""


def test_a_hash_model_is_taken_as_it_is(write: Write) -> None:
    model = user_model(write(HASH_MODEL.replace("BITS", "bits")), bits=12, modalities=EIGHT)
    assert type(model).__name__ == "build"
    with pytest.raises(
        UsageError, match=r"declares .* \(99, \(3, 8, 8\)\), but its actual ones are \(12, \(3, 8, 8\)\)"
    ):
        user_model(write(HASH_MODEL.replace("BITS", "99")), bits=12, modalities=EIGHT)
    for forgotten, name in (("self.bits = BITS", "bits"), ("self.modality = Modality.image(8)", "modality")):
        text = HASH_MODEL.replace(forgotten, "pass").replace("BITS", "bits")
        with pytest.raises(UsageError, match=f"a HashModel without {name}"):
            user_model(write(text), bits=12, modalities=EIGHT)


def test_a_checkpoint_is_loaded_into_the_users_own_names(write: Write, tmp_path: Path) -> None:
    weights = {"1.weight": torch.full((8, 192), 0.5), "1.bias": torch.zeros(8)}
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(weights, path)
    model = user_model(write(NETWORK), bits=8, modalities=EIGHT, checkpoint=path)
    assert torch.equal(model(torch.ones(1, 3, 8, 8)), torch.full((1, 8), 96.0))
    with pytest.raises(CheckpointError, match=r"misshapen: 1\.weight \(8, 192\) instead of \(16, 192\)"):
        user_model(write(NETWORK), bits=16, modalities=EIGHT, checkpoint=path)
    pickled = tmp_path / "weights.pt"
    torch.save(weights, pickled)
    with pytest.raises(CheckpointError, match="pickle"):
        user_model(write(NETWORK), bits=8, modalities=EIGHT, checkpoint=pickled)


def test_the_file_may_import_its_neighbours(write: Write, tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_mine.py").write_text("WIDTH = 192\n")
    before = list(sys.path)
    text = NETWORK.replace("3 * 8 * 8", "WIDTH").replace(
        "import torch\n", "import torch\nfrom neighbour_of_mine import WIDTH\n", 1
    )
    assert user_model(write(text), bits=8, modalities=EIGHT).bits == 8
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def other(): pass\ndef third(): pass", r"has no 'build' \(it has: other, third\)"),
        ("x = 1", r"has no 'build' \(it has: no function\)"),
        ("build = 3", "is a int, not callable"),
        ("def build(", "SyntaxError.*line 1"),
        ("\nimport no_such_package_of_mine", "ModuleNotFoundError.*line 2"),
        ("def build(bits):\n    x = 1\n    raise ValueError('no cat')", "ValueError: no cat .*line 3"),
        ("def build(): return 5", "returned a int, not a torch.nn.Module"),
        ("def build(bits, weights): pass", "requires weights .*called with bits, image_size, modalities, by name"),
    ],
)
def test_errors_in_the_file_are_named(write: Write, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        user_model(write(text), bits=8, modalities=EIGHT)
    assert "mine.py" in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("nn.Flatten(), nn.Linear(192, 7)", r"\(2, 7\) torch.float32 for two inputs, not \(2, 8\) float logits"),
        ("nn.Conv2d(3, 8, 3)", r"\(2, 8, 6, 6\)"),
        ("nn.Flatten(), nn.Linear(100, bits)", r"cannot take \(2, 3, 8, 8\) images: RuntimeError"),
        ("nn.Flatten(), nn.Linear(192, 8), Sign()", "torch.int8"),
        ("nn.Flatten(), Two()", "returned a tuple, not"),
    ],
)
def test_errors_in_the_logits_are_named(write: Write, layers: str, message: str) -> None:
    text = f"""
from torch import nn
class Sign(nn.Module):
    def forward(self, x):
        return x.sign().char()
class Two(nn.Module):
    def forward(self, x):
        return x, x
def build(bits):
    return nn.Sequential({layers})
"""
    with pytest.raises(UsageError, match=message):
        user_model(write(text), bits=8, modalities=EIGHT)


@pytest.mark.parametrize("name", ["model", "model.py", "model.py:", "model.txt:build", "model.py:a b"])
def test_names_that_are_no_path_and_attribute_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="does not name a model file"):
        user_model(name, bits=8, modalities=EIGHT)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read model .*none\.py: No such file"):
        user_model(f"{tmp_path}/none.py:build", bits=8, modalities=EIGHT)


TOWERS = """
from torch import nn
from robusthash.contracts import CrossModalHashModel, HashModel, Modality
class Tower(HashModel):
    def __init__(self, modality, width, bits):
        super().__init__()
        self.bits, self.modality = bits, modality
        self.layer = nn.Linear(width, bits)
    def forward(self, inputs):
        return self.layer(inputs.flatten(1))
def towers(bits, modalities):
    return {name: Tower(one, {"image": 192, "text": WIDTH}[name], bits) for name, one in modalities.items()}
def both(bits, modalities):
    return CrossModalHashModel(towers(bits, modalities))
def words(bits, modalities):
    return towers(bits, modalities)["text"]
"""


def test_towers_are_built_for_what_the_dataset_has(write: Write) -> None:
    path = write(TOWERS.replace("WIDTH", "one.shape[0]")).rpartition(":")[0]
    model = user_model(f"{path}:both", bits=16, modalities=PAIRS)
    assert isinstance(model, CrossModalHashModel)
    assert model.tower(TEXT).codes(torch.rand(2, 5)).shape == (2, 16)
    assert model.tower(IMAGE).codes(torch.rand(2, 3, 8, 8)).shape == (2, 16)
    assert not model.training
    assert model.space.size == 16
    alone = user_model(f"{path}:words", bits=16, modalities=WORDS)
    assert isinstance(alone, HashModel)
    assert alone.modality == WORDS[TEXT]


def test_a_tower_that_cannot_take_the_datasets_texts_is_named(write: Write) -> None:
    path = write(TOWERS.replace("WIDTH", "7")).rpartition(":")[0]
    with pytest.raises(UsageError, match=r"both cannot take \(2, 5\) texts: RuntimeError"):
        user_model(f"{path}:both", bits=16, modalities=PAIRS)


def test_a_plain_network_takes_images_and_there_must_be_some(write: Write) -> None:
    assert user_model(write(NETWORK), bits=16, modalities=PAIRS).space.size == 16
    with pytest.raises(UsageError, match="takes images, but the dataset has none"):
        user_model(write(NETWORK), bits=16, modalities=WORDS)
