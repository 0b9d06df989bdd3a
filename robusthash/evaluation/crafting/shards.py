"""Shards: fixed ranges of queries, each attacked as one batch and stored as one file. A crash loses at most one."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from robusthash.errors import InputError
from robusthash.evaluation.crafting.trace import joined
from robusthash.files.arrays import read_arrays, write_arrays
from robusthash.results import Cost, QueryArrays
from robusthash.results.records.arrays import TRACE

_SPENT, _SECONDS, _BATCH = "spent", "seconds", "batch"  #: arrays of a shard's file that are not of its queries


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardResult:
    """Some attacked and hashed queries.

    Attributes:
        arrays: codes at every stage, and as columns ``ids``, the distances between delivered and clean inputs, the
            share ``clipped``, ``pixels``, and if there are any, ``member`` and ``trace``.
        cost: passes, queries and seconds that the attack spent.
        batch: largest number of queries in one batch.
    """

    arrays: QueryArrays
    cost: Cost
    batch: int

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Concatenates shards, in their order."""
        codes, columns = ([getattr(part.arrays, kind) for part in parts] for kind in ("codes", "columns"))
        merged = {name: np.concatenate([part[name] for part in columns]) for name in columns[0] if name != TRACE}
        trace = joined([part[TRACE] for part in columns if TRACE in part])
        return cls(
            arrays=QueryArrays(
                codes={stage: np.concatenate([part[stage] for part in codes]) for stage in codes[0]},
                columns=merged if trace is None else {**merged, TRACE: trace},
            ),
            cost=sum((part.cost for part in parts), Cost()),
            batch=max(part.batch for part in parts),
        )


def shard_ranges(queries: int, size: int) -> list[range]:
    """Ranges of queries, one per shard.

    Args:
        queries: number of queries.
        size: queries per shard.

    >>> shard_ranges(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, queries)) for start in range(0, queries, size)]


class ShardFolder:
    """Finished shards of one cell, one file each.

    Args:
        folder: folder of this cell.
        shards: number of shards of the cell.
    """

    def __init__(self, folder: Path, shards: int) -> None:
        self.folder = folder
        self.shards = shards

    def missing(self) -> list[int]:
        """Indices of unfinished shards, ascending. One that cannot be read is removed: it is unfinished."""
        return [shard for shard in range(self.shards) if not self._is_whole(shard)]

    def write(self, shard: int, result: ShardResult) -> None:
        """Stores one shard's result.

        Raises:
            StorageError: the file cannot be written; nothing of it is left.
        """
        cost = result.cost
        spent = {
            _SPENT: np.array([cost.forward, cost.backward, cost.queries]),
            _SECONDS: np.array([cost.seconds]),
            _BATCH: np.array([result.batch]),
        }
        write_arrays(self.path(shard), result.arrays.to_arrays() | spent)

    def read(self, shard: int) -> ShardResult:
        """What :meth:`write` stored.

        Raises:
            InputError: the file is missing or damaged.
        """
        arrays = read_arrays(self.path(shard))
        try:
            told = [arrays.pop(name) for name in (_SPENT, _SECONDS, _BATCH)]
            (forward, backward, queries), (seconds,), (batch,) = told
            return ShardResult(
                arrays=QueryArrays.from_arrays(arrays),
                cost=Cost(forward=int(forward), backward=int(backward), queries=int(queries), seconds=float(seconds)),
                batch=int(batch),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"{self.path(shard)} is not a shard: {error}", hint="remove it, and run again") from error

    def remove(self) -> None:
        """Removes the folder, with all that an interrupted run has left in it; called once the record is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_whole(self, shard: int) -> bool:
        if not self.path(shard).exists():
            return False
        try:
            self.read(shard)
        except InputError:
            self.path(shard).unlink(missing_ok=True)
            return False
        return True

    def path(self, shard: int) -> Path:
        """Where a shard is stored, or is to be."""
        return self.folder / f"{shard:05d}.npz"
