"""Snapshots of a team of processes, and an optimiser's state as tensors and plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robusthash.contracts import Team
from robusthash.files.snapshots import SNAPSHOT_SECONDS, Snapshot, Snapshots


class TeamSnapshots(Snapshots):
    """Snapshots of a team of processes: the first one stores and reads them, and all have the same.

    Args:
        path: of the file.
        identity: everything that could change the outcome.
        team: the processes.
        seconds: shortest time between two snapshots.
    """

    def __init__(self, path: Path | None, identity: str, *, team: Team, seconds: float = SNAPSHOT_SECONDS) -> None:
        super().__init__(path, identity, seconds=seconds)
        self.team = team

    @property
    def due(self) -> bool:
        """Whether it is time for a snapshot, as the first process says."""
        return self.team.agreed(super().due)

    def load(self) -> Snapshot | None:
        """The last snapshot, as the first process has read it."""
        return self.team.agreed(None if self.team.rank else super().load())

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None) -> None:
        """Stores a snapshot, in the first process."""
        if self.team.rank == 0:
            super().save(tensors, about)

    def part(self, name: str) -> Snapshots:
        """Snapshots of a part of this work, by the same team."""
        plain = super().part(name)
        return TeamSnapshots(plain.path, plain.identity, team=self.team, seconds=plain.seconds)


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
