"""The state of an unfinished training, as tensors and plain values."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor

from robusthash.contracts import TrainProbe


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a training has come.

    Attributes:
        epochs: number of finished epochs.
        iterations: number of optimiser steps.
        losses: mean loss of each finished epoch.
        probes: probes so far.
    """

    epochs: int = 0
    iterations: int = 0
    losses: tuple[float, ...] = ()
    probes: tuple[TrainProbe, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The position as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Inverse of :meth:`plain`.

        Raises:
            KeyError: a value is missing.
            TypeError: a value has the wrong type.
        """
        return cls(
            epochs=values["epochs"],
            iterations=values["iterations"],
            losses=tuple(values["losses"]),
            probes=tuple(TrainProbe(**probe) for probe in values["probes"]),
        )


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's tensors and plain values, each named ``parameter.key``."""
    entries = {
        f"{parameter}.{key}": value
        for parameter, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
    }
    tensors = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    return tensors, {name: value for name, value in entries.items() if name not in tensors}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
    """Restores a state of :func:`optimizer_state` in an optimiser of the same parameters."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **scalars}.items():
        parameter, key = name.split(".", 1)
        state.setdefault(int(parameter), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
