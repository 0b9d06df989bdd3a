"""Shards: a fixed run of queries, attacked in one batch, whose result is one file. A crash loses at most one."""

import shutil
from pathlib import Path

from robusthash.arrays import read_arrays, write_arrays
from robusthash.evaluation.crafting.result import ShardResult


def shard_ranges(queries: int, size: int) -> list[range]:
    """The shards of so many queries.

    >>> shard_ranges(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, queries)) for start in range(0, queries, size)]


class ShardFolder:
    """Finished shards of one cell, each a file.

    Args:
        folder: of this cell alone.
        shards: how many there are.
    """

    def __init__(self, folder: Path, shards: int) -> None:
        self.folder = folder
        self.shards = shards

    def missing(self) -> list[int]:
        """Shards not yet there, ascending."""
        return [shard for shard in range(self.shards) if not self._path(shard).exists()]

    def write(self, shard: int, result: ShardResult) -> None:
        """Stores one shard's result.

        Raises:
            StorageError: the file cannot be written; no part of it stays.
        """
        write_arrays(self._path(shard), result.to_arrays())

    def read(self) -> ShardResult:
        """All shards as one.

        Raises:
            InputError: a file is damaged.
        """
        return ShardResult.cat(
            [ShardResult.from_arrays(read_arrays(self._path(shard))) for shard in range(self.shards)]
        )

    def remove(self) -> None:
        """Removes the shards, once the record is stored, and what a killed run has left half-written beside them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.npz"
