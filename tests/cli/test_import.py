"""``robusthash import``: what it writes is an ordinary checkpoint, and what could run code is refused unopened."""

import json
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from robusthash.cli.commands.models.import_ import _LAYOUTS
from robusthash.cli.entry import run
from robusthash.errors import CheckpointError
from robusthash.training import load_checkpoint, read_description
from robusthash.training.networks import LAYOUTS
from robusthash.training.networks.importing import read_state

SIZE = 16


def state(bits: int = 16) -> dict[str, Tensor]:
    """A ResNet-18 under the names that ProS-GAN, SAAT and DeepHash-pytorch share."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.resnet18(weights=None)
        head = nn.Linear(512, bits)
    own = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("fc.")}
    return own | {f"hash_layer.{name}": tensor for name, tensor in head.state_dict().items()}


def words(file: Path, *more: str, layout: str = "prosgan", bits: int = 16) -> list[str]:
    named = ["--layout", layout, "--model", "dpsh/prosgan", "--bits", str(bits), "--backbone", "resnet18"]
    return ["import", str(file), *named, "--dataset", "digits", "--image-size", str(SIZE), *more]


def test_the_layouts_offered_are_those_known() -> None:
    assert set(_LAYOUTS) == set(LAYOUTS)


@pytest.mark.slow
def test_an_import_is_a_checkpoint_that_can_be_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(state(), tmp_path / "foreign.pth")
    assert run(words(Path("foreign.pth"))) == 0
    output = capsys.readouterr().out
    path = tmp_path / "foreign-prosgan.safetensors"
    assert f"imported: {path.name}" in output
    tensors, description = load_checkpoint(path)
    assert not tensors["mean"].any()
    assert (tensors["std"] == 1).all()
    assert torch.equal(tensors["features.conv1.weight"], state()["conv1.weight"])
    assert description.backbone.options["normalise"] is False
    assert description.recipe == {"imported": "prosgan"}
    assert (description.bits, description.image_size, description.dataset) == (16, SIZE, "digits")
    assert description.report["file"] == "foreign.pth"
    for chosen in (["--model", path.name], ["--model", "dpsh/prosgan", "--bits", "16", "--checkpoint", path.name]):
        rest = ["--attack", "rnm", "-o", "rnm.steps=2", "--queries", "4", "--json", "--quiet"]
        assert run(["eval", *chosen, *rest]) == 0
    records = [json.loads(file.read_text()) for file in sorted((tmp_path / "results").rglob("*.json"))]
    models = [record["model"] for record in records if "model" in record]
    assert models
    assert len({model["digest"] for model in models}) == 1, "a checkpoint is one model, by either name"
    assert all(model["options"]["train"] == {"imported": "prosgan"} for model in models)


def test_a_layout_that_normalises_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "foreign.safetensors", tmp_path / "ours.safetensors"
    safetensors.torch.save_file(state(), source)
    assert run(words(source, "--output", str(output), "--json", layout="deephash")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(output)
    assert told["backbone"]["options"]["normalise"] is True
    assert read_description(output).weights_digest == told["weights_digest"]
    mean = load_checkpoint(output)[0]["mean"].flatten()
    torch.testing.assert_close(mean, torch.tensor([0.485, 0.456, 0.406]))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-o", "resnet18.normalise=true"], "normalise=false"),
        (["-o", "vgg11.depth=13"], "unknown option owner 'vgg11'"),
        (["--output", "model.pt"], "does not end in .safetensors"),
        (["--dataset", "no-such"], "unknown dataset"),
        (["--image-size", "0"], "from 8 to 4096"),
        (["--bits", "8"], "16 bits instead of 8"),
    ],
)
def test_what_does_not_fit_is_told(
    more: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(state(), "foreign.pth")
    assert run(words(Path("foreign.pth"), *more)) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*.safetensors"))


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def test_a_pickled_network_is_refused_and_its_code_not_run(tmp_path: Path) -> None:
    whole, trap, plain = tmp_path / "whole.pth", tmp_path / "trap.pth", tmp_path / "plain.pkl"
    torch.save(nn.Sequential(nn.Linear(2, 2)), whole)
    with pytest.raises(CheckpointError, match=r"names torch.nn.modules.container.Sequential.*only plain state dicts"):
        read_state(whole)
    torch.save({"conv1.weight": Trap(tmp_path / "mark")}, trap)
    plain.write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    for path in (trap, plain):
        with pytest.raises(CheckpointError, match="only plain state dicts"):
            read_state(path)
    assert not (tmp_path / "mark").exists()


def test_anything_but_named_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pth"
    for content, message in (
        ({"state_dict": state(), "epoch": 3}, "plain state dict: not a named tensor: state_dict, epoch"),
        ({1: torch.zeros(2)}, "not a named tensor: 1"),
        ({}, "does not hold a plain state dict: it is empty"),
        ([torch.zeros(2)], "holds a list"),
    ):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=message):
            read_state(path)
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_state(path)
    path.write_text("not a pickle at all")
    with pytest.raises(CheckpointError):
        read_state(path)
    with pytest.raises(CheckpointError, match="No such file"):
        read_state(tmp_path / "none.pth")
