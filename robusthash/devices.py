"""Where to compute: the names of devices, whether they are there, and what they lack. Importable without torch."""

import re
import warnings
from typing import TYPE_CHECKING

from robusthash.errors import RobustHashNote, UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "AUTO",
    "as_double",
    "find_device",
    "has_bfloat16",
    "has_double",
    "note_bfloat16",
    "parse_device",
    "placed",
    "synchronize",
]

AUTO = "auto"  #: a CUDA device if there is one, else the CPU
_NAME = re.compile(r"auto|cpu|mps|cuda(:[0-9]{1,4})?")
_ALONE = re.compile(r"(cpu|mps):0")  #: there is one, and it needs no number
_FLOAT32_ONLY = frozenset({"mps"})  #: kinds of devices without float64


def parse_device(name: str) -> str:
    """Reads the name of a device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        UsageError: it is none of these.

    >>> parse_device("cuda:01"), parse_device("cpu:0")
    ('cuda:1', 'cpu')
    """
    alone = _ALONE.fullmatch(name)
    if alone:
        return alone.group(1)
    if not _NAME.fullmatch(name):
        raise UsageError(f"unknown device {name!r}", hint="use auto, cpu, cuda, cuda:1 (the second GPU) or mps")
    kind, colon, number = name.partition(":")
    return f"{kind}:{int(number)}" if colon else kind


def find_device(name: str) -> "torch.device":
    """The device of this name, if it is there.

    Args:
        name: as :func:`parse_device` reads it.

    Raises:
        UsageError: it is not there, or is none.
    """
    import torch

    kind, _, number = parse_device(name).partition(":")
    cuda = torch.cuda.is_available()
    if kind == AUTO:
        return torch.device("cuda" if cuda else "cpu")
    if kind == "cuda" and not cuda:
        raise UsageError(f"{name} is not there: torch sees no CUDA device", hint="use --device cpu")
    if number and int(number) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UsageError(
            f"{name} is not there: torch sees {count} CUDA device{'' if count == 1 else 's'}",
            hint="use " + ", ".join(f"cuda:{one}" for one in range(min(count, 8))),
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("mps is not there: torch sees no Apple GPU", hint="use --device cpu")
    return torch.device(kind, int(number)) if number else torch.device(kind)


def as_double(values: "Tensor") -> "Tensor":
    """Values in float64: on their device, or on the CPU if that has no float64.

    Args:
        values: any shape and dtype.
    """
    return (values.cpu() if values.device.type in _FLOAT32_ONLY else values).double()


def placed(values: "Tensor", device: "torch.device") -> "Tensor":
    """Values on a device; of float64, in float32 if the device has no float64.

    Args:
        values: any shape and dtype.
        device: where to.
    """
    import torch

    narrowed = device.type in _FLOAT32_ONLY and values.dtype == torch.float64
    return values.to(device, torch.float32) if narrowed else values.to(device)


def has_double(device: "torch.device") -> bool:
    """Whether a device has float64."""
    return device.type not in _FLOAT32_ONLY


def has_bfloat16(device: "torch.device") -> bool:
    """Whether a device computes in bfloat16, for all that torch tells.

    A processor without it has it emulated, at about ten times the cost of float32. Where torch cannot tell, such as
    before 2.6, a processor is taken to be without it; a GPU is taken to have it.
    """
    import torch

    tellers = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type != "cpu" or any(getattr(torch.cpu, name, lambda: False)() for name in tellers)


def note_bfloat16(device: "torch.device") -> None:
    """Notes that passes in bfloat16 will be slow on a device, if it only emulates them."""
    if not has_bfloat16(device):
        warnings.warn(
            "this processor only emulates bfloat16: passes with precision=bf16 take about ten times as long as float32",
            RobustHashNote,
            stacklevel=3,
        )


def synchronize(device: "torch.device") -> None:
    """Waits until a device has done what it was told, so that a clock can be read."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
