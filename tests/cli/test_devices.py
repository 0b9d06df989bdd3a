"""Devices: read, checked before anything heavy, told once, and a GPU that is not used."""

from pathlib import Path
from typing import Any

import pytest
import torch

from robusthash.cli import run
from robusthash.cli.output import devices
from robusthash.cli.output.devices import tell_device
from robusthash.devices import as_double, find_device, has_double, parse_device, placed
from robusthash.errors import UsageError
from robusthash.evaluation import RunSettings
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost


class Machine:
    """A machine with the devices that a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch, self._folder = monkeypatch, folder
        self.current: list[torch.device] = []

    def has(self, *, cuda: int = 0, apple: bool = False, driver: bool = False) -> None:
        self._patch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        self._patch.setattr(torch.cuda, "device_count", lambda: cuda)
        self._patch.setattr(torch.cuda, "get_device_name", lambda device: f"H100 {device.index or 0}")
        self._patch.setattr(torch.cuda, "set_device", self.current.append)
        self._patch.setattr(torch.backends.mps, "is_available", lambda: apple)
        self._patch.setattr(devices, "_DRIVERS", (self._folder if driver else self._folder / "none",))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


CPU, UNUSED = "device: cpu, ", "hint: a GPU is there and is not used: "


@pytest.mark.parametrize(
    ("name", "there", "told"),
    [
        ("auto", {}, [CPU]),
        ("auto", {"cuda": 1, "driver": True}, ["device: H100 0"]),
        ("cuda", {"cuda": 2, "driver": True}, ["device: H100 0"]),
        ("cuda:1", {"cuda": 2, "driver": True}, ["device: H100 1 (cuda:1)"]),
        ("mps", {"apple": True}, ["device: Apple GPU (mps)"]),
        ("cpu", {"cuda": 1, "driver": True}, [CPU, f"{UNUSED}omit --device cpu"]),
        ("cpu", {"apple": True}, [CPU, f"{UNUSED}use --device mps"]),
        ("auto", {"apple": True}, [CPU, f"{UNUSED}use --device mps"]),
        ("auto", {"driver": True}, [CPU, f"{UNUSED}torch "]),
    ],
)
def test_the_device_is_told(
    name: str, there: dict[str, Any], told: list[str], machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has(**there)
    tell_device(name, quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(start) for line, start in zip(lines, told, strict=True))
    tell_device(name, quiet=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("auto", "auto"),
        ("cpu:0", "cpu"),
        ("mps:0", "mps"),
        ("cuda", "cuda"),
        ("cuda:00", "cuda:0"),
        ("cuda:9", "cuda:9"),
    ],
)
def test_a_device_is_read(text: str, read: str) -> None:
    assert parse_device(text) == read
    assert RunSettings(device=text).device == read


@pytest.mark.parametrize("text", ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cpu:1", "mps:1", "xpu", "CUDA", "cuda:1 "])
def test_what_is_no_device_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cuda:1"):
        parse_device(text)
    with pytest.raises(UsageError, match="unknown device"):
        RunSettings(device=text)


@pytest.mark.parametrize(
    ("name", "there", "message"),
    [
        ("cuda", {}, "cuda is not there: torch sees no CUDA device"),
        ("cuda:1", {}, "cuda:1 is not there: torch sees no CUDA device"),
        ("cuda:9", {"cuda": 2}, "cuda:9 is not there: torch sees 2 CUDA devices"),
        ("cuda:1", {"cuda": 1}, "cuda:1 is not there: torch sees 1 CUDA device\n"),
        ("mps", {"cuda": 1}, "mps is not there: torch sees no Apple GPU"),
    ],
)
def test_a_device_that_is_not_there_is_refused_before_anything_heavy(
    name: str,
    there: dict[str, Any],
    message: str,
    machine: Machine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine.has(**there)
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    for way in (
        ("eval", "--model", "dpsh"),
        ("eval", "--model", "dpsh", "--quiet"),
        ("train", "--model", "dpsh", "--output", str(tmp_path / "one.safetensors")),
        ("fit", "uap", "--model", "dpsh"),
    ):
        assert run([*way, "--device", name]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "cache").exists(), "nothing was trained"


@pytest.mark.parametrize("name", ["cuda:2", "cuda", "auto", "cpu"])
def test_the_device_that_a_run_names_by_number_is_the_current_one(name: str, machine: Machine) -> None:
    """Retrievers, torch's and faiss's, ask for a GPU without a number."""
    machine.has(cuda=3)
    found = Resources(RunSettings(device=name), PluginHost(), lambda *_: None).device
    assert found == find_device(name)
    assert machine.current == ([torch.device("cuda", 2)] if name == "cuda:2" else [])


def test_float64_goes_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, ones = torch.device("mps"), torch.ones(2)
    assert (has_double(narrow), has_double(torch.device("cuda", 1))) == (False, True)
    assert as_double(ones).dtype == torch.float64
    assert placed(ones.double(), torch.device("cpu")).dtype == torch.float64
    monkeypatch.setattr("robusthash.devices._FLOAT32_ONLY", {"cpu"})
    assert placed(ones.double(), torch.device("cpu")).dtype == torch.float32
    assert placed(ones.long(), torch.device("cpu")).dtype == torch.int64
