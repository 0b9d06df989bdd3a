"""What is computed on is told once, and a GPU that is not used."""

from pathlib import Path

import pytest
import torch

from robusthash.cli.output import devices
from robusthash.cli.output.devices import tell_device


@pytest.mark.parametrize(
    ("name", "usable", "driver", "told"),
    [
        ("auto", False, False, ["device: cpu, "]),
        ("auto", True, True, ["device: H100"]),
        ("cuda", True, True, ["device: H100"]),
        ("cpu", True, True, ["device: cpu, ", "hint: a GPU is there and is not used: omit --device cpu"]),
        ("auto", False, True, ["device: cpu, ", "hint: a GPU is there and is not used: torch "]),
    ],
)
def test_the_device_is_told(
    name: str,
    *,
    usable: bool,
    driver: bool,
    told: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H100")
    monkeypatch.setattr(devices, "_DRIVERS", (tmp_path if driver else tmp_path / "none",))
    tell_device(name, quiet=False)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(start) for line, start in zip(lines, told, strict=True))
    tell_device(name, quiet=True)
    assert capsys.readouterr() == ("", "")
