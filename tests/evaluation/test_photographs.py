"""What protecting photographs leaves open, and which files of a folder are used."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from robusthash.checkpoints import Description
from robusthash.epsilon import Radius
from robusthash.errors import InputError, UsageError
from robusthash.evaluation import Request, RunSettings
from robusthash.evaluation.planning.photographs import find_photographs, photograph_request
from robusthash.results import PluginUse
from robusthash.specs import Direction, Norm
from robusthash.training import save_checkpoint

USE = PluginUse(name="csq", owner="robusthash-models 0.1.0", options={})
DESCRIBED = Description(
    model=USE,
    backbone=USE,
    pretrained="none",
    recipe={},
    bits=32,
    image_size=128,
    dataset="corel5k/themes",
    dataset_digest="",
    classes=(),
    seed=0,
    versions={},
    report={"probes": [{"epoch": 1, "map": 0.5, "floor": 0.1, "constant_bits": 0}]},
)
AUTO = RunSettings(dataset="auto")


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    return saved(tmp_path / "scenes.safetensors")


def saved(path: Path, **others: object) -> str:
    save_checkpoint(path, nn.Linear(2, 2), replace(DESCRIBED, **others))  # type: ignore[arg-type]
    return str(path)


def picture(path: Path) -> None:
    Image.fromarray(np.zeros((6, 8, 3), dtype=np.uint8)).save(path)


def test_a_checkpoint_says_what_is_searched_and_at_which_size(checkpoint: str) -> None:
    request = photograph_request([checkpoint], None, AUTO)
    assert (request.setting.dataset, request.setting.image_size) == ("corel5k/themes", 128)
    assert request.attacks == ("hinge",)
    assert request.setting.options == {"hinge": {"margin": 5.0}}
    assert request.epsilons == (Radius(size=8 / 255),)
    assert request.directions == (Direction.I2I,)
    assert request.setting.backbone is None


def test_what_is_named_is_left_alone(checkpoint: str, tmp_path: Path) -> None:
    named = RunSettings(dataset="folder", data_root=tmp_path, image_size=64, backbone="resnet34")
    request = photograph_request([checkpoint], "rnm", named, bits=16, epsilon=Radius(size=0.1))
    assert request == Request(
        models=(checkpoint,),
        attacks=("rnm",),
        bits=(16,),
        epsilons=(Radius(size=0.1),),
        directions=(Direction.I2I,),
        setting=named,
    )


def test_without_a_model_published_features_are_searched_in_a_folder(tmp_path: Path) -> None:
    request = photograph_request([], None, replace(AUTO, data_root=tmp_path))
    setting = request.setting
    assert (*request.models, setting.backbone, setting.weights) == ("lsh", "resnet18", "default")
    assert (setting.dataset, setting.image_size) == ("folder", 224)


def test_where_nothing_says_what_is_searched_the_error_says_the_command() -> None:
    with pytest.raises(UsageError, match="retrieve") as found:
        photograph_request([], None, AUTO)
    assert "--dataset folder --data-root" in str(found.value)


def test_checkpoints_of_different_data_or_sizes_are_not_mixed(checkpoint: str, tmp_path: Path) -> None:
    other = saved(tmp_path / "other.safetensors", dataset="digits")
    smaller = saved(tmp_path / "smaller.safetensors", image_size=64)
    with pytest.raises(UsageError, match="dataset"):
        photograph_request([checkpoint, other], None, AUTO)
    with pytest.raises(UsageError, match="image size"):
        photograph_request([checkpoint, smaller], None, AUTO)


@pytest.mark.parametrize("epsilon", [Radius(size=0.5, norm=Norm.L2), Norm.L2])
def test_photographs_are_changed_within_linf(checkpoint: str, epsilon: Radius | Norm) -> None:
    with pytest.raises(UsageError, match="L-infinity"):
        photograph_request([checkpoint], None, AUTO, epsilon=epsilon)


def test_a_broken_file_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg"):
        picture(tmp_path / name)
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    found = find_photographs(tmp_path, tmp_path / "out")
    assert [path.name for path in found.paths] == ["a.jpg", "b.png"]
    assert [one.path.name for one in found.skipped] == ["bad.jpg"]
    assert "bad.jpg" in found.skipped[0].reason


def test_a_folder_of_broken_files_is_an_error_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"bad\.jpg"):
        find_photographs(tmp_path, tmp_path / "out")


def test_photographs_are_never_written_over_themselves(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "link").symlink_to(tmp_path)
    for output in (tmp_path, tmp_path / "link"):
        with pytest.raises(UsageError, match="overwritten"):
            find_photographs(tmp_path, output)


@pytest.mark.parametrize(("attack", "margin"), [(None, 2.0), ("hinge", 2.0)])
def test_a_margin_that_is_set_is_kept(checkpoint: str, attack: str | None, margin: float) -> None:
    setting = replace(AUTO, options={"hinge": {"margin": margin, "steps": 3}})
    assert photograph_request([checkpoint], attack, setting).setting.options == setting.options
