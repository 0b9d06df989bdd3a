"""Checkpoints: what is kept, and every file that is refused."""

import json
import pickle
import shlex
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from robusthash.errors import CheckpointError, StorageError
from robusthash.specs import PluginUse
from robusthash.training import (
    Description,
    HashNetwork,
    load_checkpoint,
    load_tensors,
    load_weights,
    read_description,
    save_checkpoint,
    weights_digest,
)


def network(bits: int = 12, width: int = 6, seed: int = 0) -> HashNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return HashNetwork(
            features, width, bits=bits, image_size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), hash_init_std=0.01
        )


DESCRIPTION = Description(
    model=PluginUse(name="dpsh", owner="robusthash-models 0.1.0", options={"eta": 0.05}),
    backbone=PluginUse(name="small-cnn", owner="robusthash-models 0.1.0", options={"width": 16}),
    pretrained="none",
    recipe={"lr": 2e-3, "epochs": 20},
    bits=12,
    image_size=8,
    dataset="digits",
    dataset_digest="d" * 64,
    classes=("zero", "one"),
    seed=3,
    versions={"torch": "2.15", "robusthash": "0.1.0"},
    report={"losses": [0.5, 0.25]},
)


def test_round_trip(tmp_path: Path) -> None:
    model = network()
    path = tmp_path / "folder" / "model.safetensors"
    stored = save_checkpoint(path, model, DESCRIPTION)
    assert stored == replace(DESCRIPTION, weights_digest=weights_digest(model))
    tensors, description = load_checkpoint(path)
    assert description == stored == read_description(path)
    other = network(seed=1)
    assert weights_digest(other) != weights_digest(model)
    load_weights(other, tensors, str(path))
    assert weights_digest(other) == weights_digest(model)
    hardened = replace(DESCRIPTION, defense=PluginUse(name="saat", owner="robusthash-defenses 0.1.0"))
    assert save_checkpoint(path, model, hardened) == read_description(path)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_checkpoint(first, network(), DESCRIPTION)
    save_checkpoint(second, network(), DESCRIPTION)
    assert first.read_bytes() == second.read_bytes()


def test_the_digest_sees_names_shapes_dtypes_and_values() -> None:
    models = [nn.Linear(2, 3), nn.Linear(3, 2), nn.Linear(2, 3).double(), nn.Sequential(nn.Linear(2, 3))]
    for parameter in (parameter for model in models for parameter in model.parameters()):
        nn.init.ones_(parameter)
    digests = [weights_digest(model) for model in models]
    with torch.no_grad():
        next(models[0].parameters())[0, 0] = 2
    assert len({*digests, weights_digest(models[0])}) == 5


def test_a_changed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, network(), DESCRIPTION)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match="not those that were saved"):
        load_checkpoint(path)


class _Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap-sprung"),)  # type: ignore[return-value]  # any pickle may


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_pickle_is_refused_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(pickle.dumps(_Trap(), protocol=protocol))
    for read in (load_tensors, load_checkpoint, read_description):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        if name == "model.pt" or protocol:
            assert "pickle" in caught.value.message
            assert "weights_only=True" in str(caught.value.hint)
    assert not (tmp_path / "trap-sprung").exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_torchs_own_files_are_refused_and_the_advice_converts_them(tmp_path: Path, legacy: bool) -> None:
    model = network()
    path = tmp_path / "weights.pth"
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match="pickle") as caught:
        load_tensors(path)
    command = str(caught.value.hint).removeprefix("convert it once: ").split("; if torch.load")[0]
    arguments = shlex.split(command)
    assert arguments[0] == "python"
    subprocess.run([sys.executable, *arguments[1:]], cwd=tmp_path, check=True)
    load_weights(model := network(seed=1), load_tensors(tmp_path / "weights.safetensors"), "converted")
    assert weights_digest(model) == weights_digest(network())


def test_a_header_that_looks_like_a_pickles_is_read(tmp_path: Path) -> None:
    # 640 bytes of header are written 0x80 0x02, which is how a pickle of protocol 2 opens.
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode().ljust(640)
    path = tmp_path / "odd.safetensors"
    path.write_bytes(struct.pack("<Q", 640) + header + struct.pack("<f", 2.0))
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert load_tensors(path)["a"].item() == 2.0


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file_is_one_clear_line(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, network(), DESCRIPTION)
    path.write_bytes(path.read_bytes()[:kept])
    for read in (load_tensors, load_checkpoint, read_description):
        with pytest.raises(CheckpointError, match="truncated or not a safetensors file") as caught:
            read(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        load_tensors(tmp_path / "missing.safetensors")
    with pytest.raises(CheckpointError, match="it is a folder"):
        read_description(tmp_path)
    text = tmp_path / "notes.txt"
    text.write_text("weights are elsewhere")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(text)
    plain = tmp_path / "plain.safetensors"
    safetensors.torch.save_file(network().state_dict(), plain)
    with pytest.raises(CheckpointError, match=r"without robusthash's description.*--model path/to/file\.py:build"):
        load_checkpoint(plain)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_broken_description_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(network().state_dict(), path, metadata={"robusthash": text})
    with pytest.raises(CheckpointError, match=r"cannot be read|format 99"):
        read_description(path)


def test_another_architecture_is_named(tmp_path: Path) -> None:
    model = network()
    before = weights_digest(model)
    with pytest.raises(CheckpointError, match=r"16 bits instead of 12; misshapen: hash_layer\.weight \(16, 6\)"):
        load_weights(model, network(bits=16).state_dict(), "model.safetensors")
    with pytest.raises(CheckpointError, match=r"misshapen: features\.0\.weight.* and \d more"):
        load_weights(model, network(width=9).state_dict(), "model.safetensors")
    lacking = {key: value for key, value in network().state_dict().items() if key != "features.0.bias"}
    with pytest.raises(CheckpointError, match=r"missing: features\.0\.bias"):
        load_weights(model, lacking, "model.safetensors")
    with pytest.raises(CheckpointError, match=r"unexpected: extra"):
        load_weights(model, {**network().state_dict(), "extra": torch.zeros(1)}, "model.safetensors")
    assert weights_digest(model) == before


def test_optional_parts_may_be_absent_or_of_another_shape() -> None:
    state = network(seed=1).state_dict()
    headless = {key: value for key, value in state.items() if not key.startswith("hash_layer.")}
    for tensors in (headless, {**headless, "hash_layer.weight": torch.zeros(99, 6)}):
        model = network()
        load_weights(model, tensors, "pretrained", optional=["hash_layer."])
        assert torch.equal(model.state_dict()["features.0.weight"], state["features.0.weight"])
        assert torch.equal(model.hash_layer.weight, network().hash_layer.weight)


def test_a_counterless_batch_normalisation_is_accepted() -> None:
    old = {key: value for key, value in network(seed=1).state_dict().items() if "num_batches" not in key}
    load_weights(network(), old, "an old file")


def test_a_folder_that_cannot_be_written_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        save_checkpoint(blocker / "model.safetensors", network(), DESCRIPTION)
