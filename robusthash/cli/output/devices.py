"""What a command computes on: told once, with a GPU that is there and not used, before it begins to."""

from pathlib import Path
from typing import TYPE_CHECKING

from robusthash.allocation import keep_freed_memory
from robusthash.cli.output.lines import line
from robusthash.devices import find_device

if TYPE_CHECKING:
    import torch

_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))  #: of NVIDIA on Linux, and in the Linux of Windows


def tell_device(name: str, *, quiet: bool) -> None:
    """Says on standard error what is computed on, and how a GPU that is not used could be. This process will compute.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, as the user asked for it.
        quiet: says nothing.

    Raises:
        UsageError: the device is not there: before anything heavy.
    """
    device = find_device(name)
    keep_freed_memory()
    if quiet:
        return
    line(f"device: {_described(device)}", err=True)
    unused = _unused() if device.type == "cpu" else None
    if unused:
        line(f"hint: a GPU is there and is not used: {unused}", err=True)


def _described(device: "torch.device") -> str:
    import torch

    if device.type == "cuda":
        number = "" if device.index is None else f" ({device})"
        return torch.cuda.get_device_name(device) + number
    if device.type == "mps":
        return "Apple GPU (mps)"
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' if threads > 1 else ''}"


def _unused() -> str | None:
    """How a GPU could be used, where the CPU is; None if there is none."""
    import torch

    if torch.cuda.is_available():
        return "omit --device cpu"
    if torch.backends.mps.is_available():
        return "use --device mps"
    if any(driver.exists() for driver in _DRIVERS):
        return f"torch {torch.__version__} cannot use it"
    return None
