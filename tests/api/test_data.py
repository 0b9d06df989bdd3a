"""Datasets as objects."""

from pathlib import Path

import pytest
import torch

import robusthash as rh
from robusthash.contracts import RetrievalData
from robusthash.errors import UsageError
from robusthash.testing.crossmodal import ToyPairs


def test_a_dataset_is_loaded_by_name(digits: RetrievalData) -> None:
    assert (digits.name, len(digits.query), len(digits.classes)) == ("digits", 300, 10)
    images = digits.query.images.inputs(range(3))
    assert images.shape == (3, 3, 16, 16)
    assert torch.equal((images * 255).round() / 255, images)


def test_images_are_resized() -> None:
    assert rh.load_dataset("digits", image_size=24).query.images.size == (24, 24)


def test_a_dataset_object_is_loaded() -> None:
    assert set(rh.load_dataset(ToyPairs(items=50)).query.views) == {"image", "text"}


def test_options_are_those_of_the_dataset(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="steps"):
        rh.load_dataset("digits", root=tmp_path, options={"steps": 3})
