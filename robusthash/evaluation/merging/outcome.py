"""What merging comes to: the records that are there, and what is missing of others."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from robusthash.results import Record


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What is missing of a cell.

    Attributes:
        cell: for people.
        shards: indices of its missing shards; empty if all are there, and what is missing is the record beside it.
        all: whether nothing of it is there.
        parts: the parts of its run that these belong to, from 1.
        of: number of parts of the run.
        command: that evaluates a part, with ``{part}`` for which; empty if it was none of the command line.
        note: why shards that are there may be of no use; empty if there are none.
    """

    cell: str
    shards: tuple[int, ...]
    all: bool
    parts: tuple[int, ...]
    of: int
    command: str
    note: str = ""

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        if self.all:
            return f"{self.cell}: all shards{note}"
        if not self.shards:
            return f"{self.cell}: the record of the reference attack beside it{note}"
        plural = "s" if len(self.shards) > 1 else ""
        return f"{self.cell}: shard{plural} {', '.join(map(str, self.shards))}{note}"


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The outcome of merging.

    Attributes:
        records: all that belong to the merged folders and are stored now.
        new: digests of those that were not stored before.
        missing: cells that are not complete.
    """

    records: tuple[Record, ...]
    new: frozenset[str]
    missing: tuple[Missing, ...]


def commands(missing: Iterable[Missing]) -> Iterator[str]:
    """What evaluates all that is missing, each once; what is not known to be of a part is left out.

    Args:
        missing: cells that are not complete.
    """
    asked = {(one.command, part, one.of) for one in missing for part in one.parts}
    for command, part, of in sorted(asked):
        text = f"{part}/{of}"
        yield command.replace("{part}", text) if command else f"the same evaluation with --shard {text}"
