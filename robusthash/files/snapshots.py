"""Snapshots of unfinished work, so that a killed run resumes instead of starting again."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from torch import Tensor

from robusthash.errors import CheckpointError
from robusthash.files.documents import parse_json
from robusthash.files.header import read_metadata
from robusthash.files.tensors import load_tensors, save_tensors

_KEY = "robusthash-partial"

SNAPSHOT_SECONDS = 60.0  #: default time between two snapshots


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A stored state of unfinished work.

    Attributes:
        tensors: by name, on the CPU.
        about: JSON values that were stored with the tensors.
    """

    tensors: dict[str, Tensor]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Note:
    """What is stored beside the tensors."""

    identity: str
    about: dict[str, Any]


class Snapshots:
    """The snapshots of one piece of work, in one file: each replaces the previous one.

    ::

        found = snapshots.load()
        if found is not None:
            network.load_state_dict(found.tensors)
        for epoch in range(found.about["epochs"] if found else 0, epochs):
            ...
            if snapshots.due:
                snapshots.save(network.state_dict(), {"epochs": epoch + 1})

    The host removes the file once the finished work is stored.

    Args:
        path: of the file; with None nothing is stored, found or due.
        identity: everything that could change the outcome, such as a digest of all options and inputs; snapshots with
            another identity are refused.
        seconds: shortest time between two snapshots, for :attr:`due`.
    """

    def __init__(self, path: Path | None, identity: str, *, seconds: float = SNAPSHOT_SECONDS) -> None:
        self.path = path
        self.identity = identity
        self.seconds = seconds
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether ``seconds`` have passed since the last snapshot, or since this object was created."""
        return self.path is not None and time.monotonic() - self._saved >= self.seconds

    def load(self) -> Snapshot | None:
        """The last snapshot; None if there is none.

        Raises:
            CheckpointError: the file cannot be read, or is a snapshot of other work.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            note = parse_json(read_metadata(self.path).get(_KEY, ""), _Note)
        except ValueError as error:
            raise CheckpointError(
                f"{self.path} is not a snapshot of this version: {error}", hint="remove it to start again"
            ) from error
        if note.identity != self.identity:
            raise CheckpointError(
                f"{self.path} is a snapshot of other work: another model, dataset, option, seed or version",
                hint="remove it to start again, or name another file",
            )
        return Snapshot(tensors=load_tensors(self.path), about=note.about)

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None) -> None:
        """Stores a snapshot, and atomically replaces the previous one.

        Args:
            tensors: by name, on any device.
            about: JSON values, such as the number of finished epochs.

        Raises:
            StorageError: it cannot be written; the previous one is unchanged.
        """
        if self.path is None:
            return
        content = json.dumps({"identity": self.identity, "about": dict(about or {})})
        save_tensors(self.path, tensors, metadata={_KEY: content})
        self._saved = time.monotonic()

    def part(self, name: str) -> "Snapshots":
        """Snapshots of a part of this work, in a separate file in the same folder.

        Args:
            name: of the part: letters, digits and hyphens.
        """
        path = self.path.with_name(f"{self.path.name}.{name}") if self.path is not None else None
        return Snapshots(path, f"{self.identity}/{name}", seconds=self.seconds)

    def remove(self) -> None:
        """Removes the file, and the files of all parts, if they exist."""
        if self.path is None:
            return
        for path in (self.path, *self.path.parent.glob(f"{escape(self.path.name)}.*")):
            path.unlink(missing_ok=True)
