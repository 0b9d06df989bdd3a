"""A cell whose shards are being run."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from robusthash.errors import RobustHashError
from robusthash.evaluation.crafting.shards import ShardFolder, ShardResult
from robusthash.evaluation.running.preparing.cells import PreparedCell


@dataclass(kw_only=True, eq=False)
class OpenCell:
    """A cell whose shards are being run, of which several may be open at once.

    Attributes:
        prepared: the cell.
        folder: its shards.
        only: indices of the shards that this run has to do; None is all.
        missing: indices of those that are not stored.
        out: how many tasks the executor has that it has not finished.
        asked: whether it has been given all of them.
        error: why the cell has failed; None if it has not.
        held: its lock and its victims.
    """

    prepared: PreparedCell
    folder: ShardFolder
    only: Sequence[int] | None = None
    missing: list[int] = field(init=False)
    out: int = 0
    asked: bool = False
    error: RobustHashError | None = None
    held: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.missing = [shard for shard in self.folder.missing() if self.only is None or shard in self.only]

    @property
    def progress(self) -> tuple[int, int]:
        """How many of its queries are done, and how many there are."""
        shards = self.prepared.shards
        queries = sum(len(shards[shard]) for shard in (range(len(shards)) if self.only is None else self.only))
        return queries - sum(len(shards[shard]) for shard in self.missing), queries

    @property
    def complete(self) -> bool:
        """Whether all its shards are there."""
        return self.asked and not self.out and self.error is None

    def store(self, shard: int, result: ShardResult) -> None:
        """Stores a shard that has been run.

        Raises:
            StorageError: its file cannot be written.
        """
        self.folder.write(shard, result)
        self.missing.remove(shard)

    def close(self) -> None:
        """Releases its lock and its victims."""
        self.held.close()
