"""What a command computes on, told once, and a GPU that is there and not used."""

from pathlib import Path

from robusthash.cli.output.lines import line

_DRIVERS = (Path("/dev/nvidiactl"), Path("/dev/dxg"))  #: of NVIDIA on Linux, and in the Linux of Windows


def tell_device(name: str, *, quiet: bool) -> None:
    """Says on standard error what is computed on, and how a GPU that is not used could be.

    Args:
        name: ``auto``, ``cpu`` or ``cuda``, as the user asked for it.
        quiet: says nothing.
    """
    if quiet:
        return
    import torch

    usable = torch.cuda.is_available()
    used = usable and name != "cpu"
    threads = torch.get_num_threads()
    what = torch.cuda.get_device_name() if used else f"cpu, {threads} thread{'s' if threads > 1 else ''}"
    line(f"device: {what}", err=True)
    if usable and not used:
        line("hint: a GPU is there and is not used: omit --device cpu", err=True)
    elif not usable and any(driver.exists() for driver in _DRIVERS):
        line(f"hint: a GPU is there and is not used: torch {torch.__version__} cannot use it", err=True)
