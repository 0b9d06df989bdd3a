"""The processes that ``torchrun`` has started, as a team that learns together."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed

from robusthash.contracts import Team
from robusthash.errors import UsageError

_PATIENCE = timedelta(days=1)  #: that processes wait for each other: the first one may train the model meanwhile


def is_first() -> bool:
    """Whether this process is the first one that ``torchrun`` has started, or is alone: it tells and writes."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def joined(device: str) -> Iterator[Team]:
    """The team that this process belongs to, by the environment that ``torchrun`` sets; alone without it.

    Each process of a machine with several GPUs takes its own, which is its current device meanwhile.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; a number would be that of one process.

    Raises:
        UsageError: there are fewer GPUs than processes of this machine, or torch cannot let processes work together.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team()
        return
    if not distributed.is_available():
        raise UsageError("this build of torch lets no processes work together", hint="run without torchrun")
    place = torch.device("cpu")
    if ":" in device or device == "mps":
        raise UsageError(
            f"several processes cannot share {device}", hint="use --device cuda: each takes a GPU of its own"
        )
    if device != "cpu" and torch.cuda.is_available():
        local, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if local >= there:
            raise UsageError(
                f"process {local} of this machine has no GPU of its own: there are {there}",
                hint=f"torchrun --nproc-per-node {there}, or --device cpu",
            )
        place = torch.device("cuda", local)
        torch.cuda.set_device(place)
    distributed.init_process_group("gloo" if place.type == "cpu" else "nccl", timeout=_PATIENCE)
    try:
        yield Team(rank=distributed.get_rank(), size=size, device=str(place))
        distributed.barrier()  # none leaves while another one may still talk to it
    finally:
        distributed.destroy_process_group()
