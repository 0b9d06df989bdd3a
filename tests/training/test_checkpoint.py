"""Checkpoints: what is kept, and every file that is refused."""

import json
import os
import pickle
import shlex
import struct
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

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


NESTED = {
    "plain": lambda state: state,
    "module": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "arch": "cnn"},
    "model and ema": lambda state: {"model": state, "ema": {name: tensor * 0 for name, tensor in state.items()}},
    "net, wrapped, with an optimiser": lambda state: {
        "optimizer": {"state": {0: {"exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2)}}, "param_groups": []},
        "net": {f"module.{name}": tensor for name, tensor in state.items()},
    },
    "deep": lambda state: {"a": {"b": {"weights": state}}, "best": torch.tensor(0.5)},
    "with more than tensors": lambda state: {**state, "epoch": 3},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", NESTED)
def test_the_printed_line_converts_every_kind_of_state(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "the weights.pth"
    torch.save(NESTED[kind](network().state_dict()), path)
    with pytest.raises(CheckpointError, match="pickle") as caught:
        load_tensors(path)
    line = str(caught.value.hint).removeprefix("convert it once: ").split("; if torch.load")[0]
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(line, shell=True, check=True, env=environment, executable="/bin/bash")  # noqa: S602 - as a user would
    load_weights(model := network(seed=1), load_tensors(tmp_path / "the weights.safetensors"), "converted")
    assert weights_digest(model) == weights_digest(network())


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model.", "net.", "_orig_mod.", "state_dict.module."])
def test_the_prefix_of_a_wrapper_goes(prefix: str) -> None:
    wrapped = {f"{prefix}{name}": tensor for name, tensor in network().state_dict().items()}
    load_weights(model := network(seed=1), wrapped, "wrapped")
    assert weights_digest(model) == weights_digest(network())


def test_a_network_that_has_such_names_itself_keeps_them() -> None:
    outer = nn.Sequential(OrderedDict(model=nn.Linear(2, 1)))
    state = {name: tensor + 1 for name, tensor in outer.state_dict().items()}
    load_weights(outer, state, "own")
    assert torch.equal(outer.state_dict()["model.weight"], state["model.weight"])
    load_weights(outer, {f"model.{name}": tensor + 1 for name, tensor in state.items()}, "wrapped")
    assert torch.equal(outer.state_dict()["model.weight"], state["model.weight"] + 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_another_precision_are_converted(dtype: torch.dtype) -> None:
    layer = nn.Linear(2, 1)
    state = {"weight": torch.tensor([[0.5, -2.0]], dtype=dtype), "bias": torch.tensor([1.25], dtype=dtype)}
    load_weights(layer, state, "another precision")
    assert layer.weight.dtype == torch.float32
    assert layer.weight.tolist() == [[0.5, -2.0]]


def test_numbers_that_are_no_weights_are_named() -> None:
    layer = nn.Linear(2, 1)
    good = layer.state_dict()
    for dtype in (torch.int32, torch.int8, torch.bool, torch.complex64):
        with pytest.raises(CheckpointError, match=r"weight .* instead of float32") as caught:
            load_weights(layer, {**good, "weight": torch.ones(1, 2, dtype=dtype)}, "quantised")
        assert str(dtype).removeprefix("torch.") in caught.value.message
    with pytest.raises(CheckpointError, match="NaN or infinite values in bias"):
        load_weights(layer, {**good, "bias": torch.tensor([1e300], dtype=torch.float64)}, "too large")


def test_a_nested_state_is_recognised_in_the_hint() -> None:
    state = network().state_dict()
    both = {**{f"student.{name}": one for name, one in state.items()}, "teacher.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        load_weights(network(), both, "two networks")
    assert "'student'" in str(caught.value.hint)


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "bits is a text": (lambda one: one.update(bits="12"), "bits: Expected `int`"),
    "bits is huge": (lambda one: one.update(bits=10**12), "bits: Expected `int` <= 4096"),
    "bits is negative": (lambda one: one.update(bits=-1), "bits: Expected `int` >= 1"),
    "image_size is missing": (lambda one: one.pop("image_size"), "missing required field `image_size`"),
    "model is a text": (lambda one: one.update(model="dpsh"), "model: Expected `object`"),
    "a name is a number": (lambda one: one["model"].update(name=3), "model.name: Expected `str`"),
    "options are a list": (lambda one: one["backbone"].update(options=[1]), "backbone.options: Expected `object`"),
    "classes are numbers": (lambda one: one.update(classes=[1]), r"classes\[0\]: Expected `str`"),
    "there are no probes": (lambda one: one["report"].update(probes=[]), "report.probes"),
    "a probe is a text": (lambda one: one["report"].update(probes=[{"map": "x"}]), "report.probes"),
    "a digest is none": (lambda one: one.update(weights_digest="abc"), "weights_digest"),
    "a field is unknown": (lambda one: one.update(colour="red"), "unknown field `colour`"),
    "options are deep": (lambda one: one["model"].update(options=nested(100)), "nested more than"),
    "it is very deep": (lambda one: one["model"].update(options=nested(5000)), "nested"),
}


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_description_is_one_line_that_names_the_field(tmp_path: Path, case: str) -> None:
    path = tmp_path / "model.safetensors"
    stored = asdict(save_checkpoint(path, network(), DESCRIPTION))
    change, told = WRONG[case]
    change(stored)
    with deep_recursion():
        text = json.dumps(stored)
    safetensors.torch.save_file(network().state_dict(), path, metadata={"robusthash": text})
    for read in (read_description, load_checkpoint):
        with pytest.raises(CheckpointError, match=told) as caught:
            read(path)
        assert str(path) in caught.value.message


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Lets this test write what is nested too deeply to be read."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


HEADERS = {
    "a length beyond the file": struct.pack("<Q", 2**63) + b"{}",
    "no JSON": struct.pack("<Q", 8) + b"{nothing",
    "a list": struct.pack("<Q", 2) + b"[]",
    "metadata that is no text": struct.pack("<Q", 31) + b'{"__metadata__":{"robusthash":3}}'[:31],
    "tensors beyond the file": struct.pack("<Q", 54) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'[:54],
    "a negative offset": struct.pack("<Q", 54) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[-9,0]}}'[:54],
}


@pytest.mark.parametrize("kind", HEADERS)
def test_a_wrong_header_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(HEADERS[kind])
    for read in (read_description, load_tensors):
        with pytest.raises(CheckpointError, match="truncated or not a safetensors file"):
            read(path)


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
