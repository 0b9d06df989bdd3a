"""Around every API call: progress is shown, and the caller's models are restored."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from robusthash.contracts import Progress, silent
from robusthash.progress import Lines, animates, bars, in_notebook, notebook_bars


@contextmanager
def reporting(*, progress: bool | None) -> Iterator[Progress]:
    """Shows progress bars in a notebook and on a terminal.

    Args:
        progress: False shows nothing; True shows lines where there can be no bars; None shows bars or nothing.
    """
    if progress is False:
        yield silent
    elif in_notebook():
        with notebook_bars() as report:
            yield report
    elif animates(sys.stderr):
        from rich.console import Console

        with bars(Console(stderr=True)) as report:
            yield report
    else:
        yield Lines(echo=lambda line: sys.stderr.write(f"{line}\n")).report if progress else silent


@contextmanager
def frozen(*models: nn.Module) -> Iterator[None]:
    """Freezes models and puts them in evaluation mode; restores flags and device afterwards."""
    learning = [parameter for model in models for parameter in model.parameters() if parameter.requires_grad]
    training = training_parts(*models)
    places = [(model, device_of(model)) for model in models]
    for model in models:
        model.eval().requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for model, place in places:
            model.to(place)
        for parameter in learning:
            parameter.requires_grad_(True)
        for part in training:
            part.training = True


def training_parts(*models: nn.Module) -> list[nn.Module]:
    """The parts of models that are in training mode."""
    return [part for model in models for part in model.modules() if part.training]


def device_of(model: nn.Module) -> torch.device:
    """The device of a model's first parameter or buffer; the CPU if it has none."""
    tensors = (*model.parameters(), *model.buffers())
    return tensors[0].device if tensors else torch.device("cpu")
