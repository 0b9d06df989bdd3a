"""What attacks learn before their first query: once per surrogate, and cached together with its cost."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robusthash.checkpoints import read_metadata
from robusthash.contracts import Attack, Budget, LearningContext, Snapshot, Snapshots
from robusthash.errors import CheckpointError
from robusthash.files.caching import cached_path
from robusthash.files.once import made_once, unfinished
from robusthash.files.storage import digest
from robusthash.files.tensors import load_tensors, save_tensors
from robusthash.results import Spent

_COST = "cost"

_Learnt = tuple[Mapping[str, Tensor] | None, Spent]  #: what was learnt, if anything, and its cost


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What an attack has learnt.

    Attributes:
        tensors: by name, on the device.
        spent: cost of learning it, also if it is read from the cache.
        key: digest of what it is made from; None is unlike any other.
    """

    tensors: Mapping[str, Tensor]
    spent: Spent
    key: str | None = None


def learnt(attack: Attack, context: LearningContext, made_from: Mapping[str, Any]) -> Learnt | None:
    """What an attack learns, from the cache if it has been learnt before.

    Workers and resumed runs read the cached file, so all of them use the same bytes. Learning that was interrupted
    resumes from its last snapshot.

    Args:
        attack: with its options.
        context: all that it may know; its snapshots are set here.
        made_from: everything that could change what it learns, as plain values.

    Returns:
        What it has learnt; None for an attack that does not learn.

    Raises:
        PluginError: the attack raised an unexpected error, or violated its contract.
        CheckpointError: the snapshot of an unfinished training cannot be read.
        StorageError: the cache cannot be written.
    """
    if type(attack).fit is Attack.fit:
        return None
    key = digest(made_from)
    path = cached_path("attacks", f"{key[:32]}.safetensors")

    def read() -> _Learnt | None:
        try:
            return load_tensors(path), Spent(**_numbers(read_metadata(path)))
        except (CheckpointError, ValueError, TypeError):
            return None

    def make() -> _Learnt:
        meter = _Meter(context.surrogate.budget)
        found = attack.learn(replace(context, snapshots=_MeteredSnapshots(unfinished(path), key, meter)))
        spent = meter.spent()
        if found is not None:
            save_tensors(
                path, found, metadata={f"{_COST}.{name}": repr(value) for name, value in asdict(spent).items()}
            )
        return found, spent

    (tensors, spent), _ = made_once(path, read, make)
    return None if tensors is None else Learnt(tensors=_placed(tensors, context.device), spent=spent, key=key)


class _Meter:
    """Counts what learning has spent, also before it was interrupted.

    Args:
        budget: counts the passes of this process.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._before = Spent()
        self._started = time.perf_counter()

    def spent(self) -> Spent:
        """The cost up to now."""
        seconds = time.perf_counter() - self._started
        now = Spent(forward=self._budget.forward, backward=self._budget.backward, seconds=seconds)
        return self._before + now

    def resume(self, before: Spent) -> None:
        """Adds what was spent up to a snapshot; of the snapshots of several parts, the last one counts."""
        self._before = max(self._before, before, key=lambda spent: spent.seconds)


class _MeteredSnapshots(Snapshots):
    """Snapshots that also store the cost, so that resumed learning costs as much as uninterrupted learning.

    Args:
        path: of the file.
        identity: everything that could change the outcome.
        meter: counts the cost.
    """

    def __init__(self, path: Path | None, identity: str, meter: _Meter) -> None:
        super().__init__(path, identity)
        self._meter = meter

    def load(self) -> Snapshot | None:
        found = super().load()
        if found is None:
            return None
        about = dict(found.about)
        self._meter.resume(Spent(**about.pop(_COST, {})))
        return replace(found, about=about)

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None) -> None:
        super().save(tensors, {**(about or {}), _COST: asdict(self._meter.spent())})

    def part(self, name: str) -> Snapshots:
        plain = super().part(name)
        return _MeteredSnapshots(plain.path, plain.identity, self._meter)


def _placed(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def _numbers(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Reads the cost of learning from a file's metadata."""
    names = {"forward": int, "backward": int, "seconds": float}
    return {name: kind(metadata.get(f"{_COST}.{name}", "")) for name, kind in names.items()}
