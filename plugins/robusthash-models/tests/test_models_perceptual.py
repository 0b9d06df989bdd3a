"""pHash and PDQ: the libraries' own bits, black boxes, and what happens without the libraries."""

import importlib
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts import IMAGE, Modality, ReadyModel
from robusthash.errors import MissingDependencyError, OptionError, UsageError
from robusthash.testing import ReadyModelContract, toy_images
from robusthash_models.perceptual.pdq import PDQ
from robusthash_models.perceptual.phash import PHash

needs_phash = pytest.mark.skipif(find_spec("imagehash") is None, reason="ImageHash is not installed")
needs_pdq = pytest.mark.skipif(find_spec("pdqhash") is None, reason="pdqhash is not installed")

METHODS = [pytest.param(PHash, marks=needs_phash), pytest.param(PDQ, marks=needs_pdq)]


@needs_phash
class TestPHash(ReadyModelContract):
    @pytest.fixture
    def method(self) -> ReadyModel:
        return PHash()


@needs_pdq
class TestPDQ(ReadyModelContract):
    @pytest.fixture
    def method(self) -> ReadyModel:
        return PDQ()


def images_of(size: int) -> dict[str, Modality]:
    """What a dataset of square images has."""
    return {IMAGE: Modality.image(size)}


def picture(image: Tensor) -> np.ndarray:
    """(3, h, w) in pixel space as the libraries take it: (h, w, 3) uint8."""
    levels: np.ndarray = (image * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return levels


def as_bits(logits: Tensor) -> np.ndarray:
    bits: np.ndarray = (logits > 0).numpy()
    return bits


@needs_phash
@pytest.mark.parametrize("size", [8, 4])
def test_phash_is_the_librarys(size: int) -> None:
    library = importlib.import_module("imagehash")
    images, _ = toy_images(6)
    method = PHash(hash_size=size)
    logits = method.build({IMAGE: Modality.image(16)})(images)
    assert logits.shape == (6, size**2)
    for image, found in zip(images, logits, strict=True):
        expected = library.phash(Image.fromarray(picture(image)), hash_size=size)
        np.testing.assert_array_equal(as_bits(found), expected.hash.reshape(-1))
        assert expected - library.ImageHash(as_bits(found).reshape(size, size)) == 0


@needs_pdq
def test_pdq_is_the_librarys() -> None:
    library = importlib.import_module("pdqhash")
    images, _ = toy_images(6)
    logits = PDQ().build({IMAGE: Modality.image(16)})(images)
    for image, found in zip(images, logits, strict=True):
        np.testing.assert_array_equal(as_bits(found), library.compute(picture(image))[0])


@pytest.mark.parametrize("method", METHODS)
def test_a_black_box_gives_signs_of_8_bit_images_without_gradient(method: type[ReadyModel]) -> None:
    model = method().build({IMAGE: Modality.image(16)})
    images, _ = toy_images(6)
    inputs = images.clone().requires_grad_()
    logits = model(inputs)
    assert not logits.requires_grad
    assert logits.dtype == images.dtype
    assert set(logits.unique().tolist()) == {-1.0, 1.0}
    shifted = (images + 0.4 / 255 * torch.where(images < 0.5, 1.0, -1.0)).clamp(0, 1)
    assert torch.equal(model(shifted), logits)
    assert not torch.equal(model(1 - images), logits)


def test_the_code_lengths_are_the_models_own() -> None:
    if find_spec("imagehash"):
        assert (PHash().bits, PHash(hash_size=16).bits) == (64, 256)
    if find_spec("pdqhash"):
        assert PDQ().bits == 256


@needs_phash
@pytest.mark.parametrize("options", [{"hash_size": 1}, {"highfreq_factor": 0}], ids=str)
def test_phash_refuses_sizes_without_bits(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="hash_size="):
        PHash(**options)


@needs_pdq
def test_pdq_refuses_images_that_it_would_hash_to_zeros() -> None:
    PDQ().build({IMAGE: Modality.image(5)})
    with pytest.raises(UsageError, match="4x4"):
        PDQ().build({IMAGE: Modality.image(4)})


@pytest.mark.parametrize(("method", "library"), [(PHash, "imagehash"), (PDQ, "pdqhash")])
def test_a_missing_library_is_told_before_anything_is_computed(
    method: type[ReadyModel], library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=r"robusthash-models\[perceptual\]"):
        method()
