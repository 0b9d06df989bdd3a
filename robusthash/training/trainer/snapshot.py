"""The whole state of an unfinished training in one file, so that a killed run goes on where it was."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from robusthash.errors import CheckpointError
from robusthash.storage import write_atomically
from robusthash.training.networks.weights import load_tensors, refuse_other_formats, unreadable
from robusthash.training.trainer.report import TrainProbe

_KEY = "robusthash-partial"


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a training has come.

    Attributes:
        epochs: epochs finished.
        iterations: optimiser steps made.
        losses: mean loss of each finished epoch.
        probes: probes taken so far.
    """

    epochs: int = 0
    iterations: int = 0
    losses: tuple[float, ...] = ()
    probes: tuple[TrainProbe, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """An unfinished training.

    Attributes:
        identity: digest of all that makes the training; another training's snapshot is refused.
        position: how far it has come.
        tensors: named tensors of weights, buffers, optimiser and loss.
        scalars: the optimiser's plain values, by name.
    """

    identity: str
    position: Position
    tensors: dict[str, Tensor]
    scalars: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Writes it, whole or not at all.

        Raises:
            StorageError: it cannot be written; the one before stays.
        """
        about = {
            "identity": self.identity,
            "epochs": self.position.epochs,
            "iterations": self.position.iterations,
            "losses": self.position.losses,
            "probes": [vars(probe) for probe in self.position.probes],
            "scalars": self.scalars,
        }
        plain = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in self.tensors.items()}
        write_atomically(path, safetensors.torch.save(plain, metadata={_KEY: json.dumps(about)}))

    @classmethod
    def read(cls, path: Path, identity: str) -> "Snapshot":
        """Reads what :meth:`write` wrote.

        Raises:
            CheckpointError: it cannot be read, or is of another training.
        """
        refuse_other_formats(path)
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})[_KEY])
            position = Position(
                epochs=about["epochs"],
                iterations=about["iterations"],
                losses=tuple(about["losses"]),
                probes=tuple(TrainProbe(**probe) for probe in about["probes"]),
            )
        except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise unreadable(path, error) from error
        if about["identity"] != identity:
            raise CheckpointError(
                f"{path} is the unfinished training of another model", hint="remove it, or name another file"
            )
        return cls(identity=identity, position=position, tensors=load_tensors(path), scalars=about["scalars"])


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Puts a prefix and a dot before each name.

    >>> list(prefixed("model", {"weight": torch.zeros(1)}))
    ['model.weight']
    """
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of :func:`prefixed`: the tensors under a prefix, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's tensors and its plain values, each named ``parameter.key``."""
    entries = {
        f"{parameter}.{key}": value
        for parameter, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
    }
    tensors = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    return tensors, {name: value for name, value in entries.items() if name not in tensors}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
    """Puts back what :func:`optimizer_state` gave, into an optimiser of the same parameters."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **scalars}.items():
        parameter, key = name.split(".", 1)
        state.setdefault(int(parameter), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
