"""A cell whose shards are being run."""

from contextlib import ExitStack
from dataclasses import dataclass, field

from robusthash.errors import RobustHashError
from robusthash.evaluation.crafting.shards import ShardFolder, ShardResult
from robusthash.evaluation.running.cells import PreparedCell


@dataclass(kw_only=True, eq=False)
class OpenCell:
    """A cell whose shards are being run, of which several may be open at once.

    Attributes:
        prepared: the cell.
        folder: its shards.
        missing: indices of shards that are not stored.
        out: how many tasks the executor has that it has not finished.
        asked: whether it has been given all of them.
        error: why the cell has failed; None if it has not.
        held: its lock and its victims.
    """

    prepared: PreparedCell
    folder: ShardFolder
    missing: list[int] = field(init=False)
    out: int = 0
    asked: bool = False
    error: RobustHashError | None = None
    held: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.missing = self.folder.missing()

    @property
    def progress(self) -> tuple[int, int]:
        """How many of its queries are done, and how many there are."""
        shards = self.prepared.shards
        queries = sum(map(len, shards))
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
