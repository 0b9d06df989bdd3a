"""Shards: fixed ranges of queries, each attacked as one batch and stored as one file. A crash loses at most one."""

import shutil
from pathlib import Path

from robusthash.arrays import read_arrays, write_arrays
from robusthash.evaluation.crafting.result import ShardResult


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
        """Indices of unfinished shards, ascending."""
        return [shard for shard in range(self.shards) if not self._path(shard).exists()]

    def write(self, shard: int, result: ShardResult) -> None:
        """Stores one shard's result.

        Raises:
            StorageError: the file cannot be written; nothing of it is left.
        """
        write_arrays(self._path(shard), result.to_arrays())

    def read(self) -> ShardResult:
        """The concatenated results of all shards.

        Raises:
            InputError: a file is missing or damaged.
        """
        return ShardResult.cat(
            [ShardResult.from_arrays(read_arrays(self._path(shard))) for shard in range(self.shards)]
        )

    def remove(self) -> None:
        """Removes the folder, with all that an interrupted run has left in it; called once the record is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.npz"
