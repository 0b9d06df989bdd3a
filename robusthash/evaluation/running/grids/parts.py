"""Unfinished cells on disk: their outlines beside their shards, so that another process makes their records of both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from robusthash.errors import InputError
from robusthash.evaluation.crafting.shards import ShardFolder, shard_ranges
from robusthash.evaluation.running.recording.assemble import Outline
from robusthash.files.arrays import read_arrays, write_arrays
from robusthash.files.opening import read_file
from robusthash.files.storage import write_atomically
from robusthash.results import QueryArrays, Record
from robusthash.results.records.reading import parse_record

SHARDS = ".shards"  #: folder of unfinished cells, in a results folder
SCHEMA = 1
_NAMED = 32  #: digits of the digest in a folder's name
_OUTLINE, _COLUMNS = "cell.json", "cell.npz"
_HINT = "remove its folder, and evaluate its shards again"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Where a cell stands in the run that it is a part of: for what is told of missing shards.

    Attributes:
        place: its position in the plan.
        plan: all cells of the plan, for people.
        of: number of parts that the run was split into.
        parts: which of them, from 1, each shard of each cell of the plan belongs to.
        beside: digests of the records that it may be shown beside, the latest in the plan first.
        command: that evaluates a part, with ``{part}`` for which; empty if the run was none of the command line.
    """

    place: int
    plan: tuple[str, ...]
    of: int
    parts: tuple[tuple[int, ...], ...]
    beside: tuple[str, ...]
    command: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class PartCell:
    """An unfinished cell on disk.

    Attributes:
        folder: of its outline and its shards.
        outline: the cell.
        known: columns of its queries that are known before they are attacked.
        planned: where it stands in its run.
    """

    folder: Path
    outline: Outline
    known: QueryArrays
    planned: Planned

    @property
    def record(self) -> Record:
        """Its record, without numbers."""
        return self.outline.record

    @property
    def results(self) -> Path:
        """The results folder that it is in."""
        return self.folder.parent.parent

    @property
    def name(self) -> str:
        """The cell, for people."""
        return self.planned.plan[self.planned.place]

    @property
    def ranges(self) -> list[range]:
        """Rows of each shard."""
        return shard_ranges(self.record.dataset.queries, self.record.conditions.shard_size)

    @property
    def shards(self) -> ShardFolder:
        """Its shards."""
        return ShardFolder(self.folder, len(self.ranges))

    def write(self, folder: Path) -> None:
        """Writes it, without its shards; what is complete has the outline, which is written last.

        Raises:
            StorageError: it cannot be written.
        """
        outline, planned = self.outline, self.planned
        content = {
            "schema": SCHEMA,
            "record": msgspec.Raw(self.record.to_json().encode()),
            "imagery": outline.imagery,
            "gradients": outline.gradients,
            "bounded": outline.bounded,
            "planned": planned,
        }
        write_arrays(folder / _COLUMNS, self.known.to_arrays())
        write_atomically(folder / _OUTLINE, msgspec.json.encode(content))

    def differences(self, other: "PartCell") -> list[str]:
        """What differs from another outline of the same cell, besides times, and where it stands in its run."""
        mine, others = self.record.reproducible(), other.record.reproducible()
        found = [
            f"{name} ({_short(mine.get(name), others.get(name))})"
            for name in sorted(mine.keys() | others.keys())
            if mine.get(name) != others.get(name)
        ]
        plain = ("imagery", "gradients", "bounded")
        found += [name for name in plain if getattr(self.outline, name) != getattr(other.outline, name)]
        return found + [f"{name} of the queries" for name in unequal(self.known.columns, other.known.columns)]


class _File(msgspec.Struct):
    """The file of an outline."""

    schema: int
    record: msgspec.Raw
    imagery: tuple[str, ...]
    gradients: bool
    bounded: bool
    planned: Planned


def read_part(folder: Path) -> PartCell:
    """Reads what :meth:`PartCell.write` wrote.

    Raises:
        InputError: it is missing or damaged, or of a later version.
    """
    path = folder / _OUTLINE
    try:
        file = msgspec.json.decode(read_file(path), type=_File)
        if file.schema > SCHEMA:
            raise InputError(f"{path} has schema {file.schema}, this version reads up to {SCHEMA}", hint="update it")
        record = parse_record(bytes(file.record), str(path), blank=True)
        known = QueryArrays.from_arrays(read_arrays(folder / _COLUMNS))
        part = PartCell(
            folder=folder,
            outline=Outline(record=record, imagery=file.imagery, gradients=file.gradients, bounded=file.bounded),
            known=known,
            planned=file.planned,
        )
        problem = next(iter(_problems(part)), None)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not the outline of a cell: {error}", hint=_HINT) from error
    if problem is not None:
        raise InputError(f"{path} is not the outline of a cell: {problem}", hint=_HINT)
    return part


def has_outline(folder: Path) -> bool:
    """Whether a folder has an outline: that of a run which was not split has none."""
    return (folder / _OUTLINE).is_file()


def remove_outline(folder: Path) -> None:
    """Removes the outline of a cell, so that what else is in its folder is left over."""
    (folder / _OUTLINE).unlink(missing_ok=True)


def same_result(folder: ShardFolder, other: ShardFolder, shard: int) -> bool:
    """Whether two stored shards are the same, besides the time that they took.

    Raises:
        InputError: one is damaged.
    """
    mine, others = folder.read(shard), other.read(shard)
    cost = replace(mine.cost, seconds=others.cost.seconds)
    arrays = mine.arrays.to_arrays(), others.arrays.to_arrays()
    return (cost, mine.batch) == (others.cost, others.batch) and not unequal(*arrays)


def _problems(part: PartCell) -> list[str]:
    planned, queries = part.planned, part.record.dataset.queries
    found = []
    if not 0 <= planned.place < len(planned.plan) == len(planned.parts):
        return ["it has no place in its plan"]
    if part.record.conditions.shard_size < 1 or queries < 1 or len(planned.parts[planned.place]) != len(part.ranges):
        return ["its shards are not those of its queries"]
    if part.folder.name != part.record.digest[:_NAMED]:
        found.append("its folder has another name than its digest")
    if len(part.known.column("labels")) != queries:
        found.append(f"its labels are not those of {queries} queries")
    return found


def unequal(mine: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> list[str]:
    """Names of arrays that are not the same, or are missing on one side."""
    names = sorted(mine.keys() | others.keys())
    both = {name for name in names if name in mine and name in others}
    return [
        name
        for name in names
        if name not in both
        or mine[name].dtype != others[name].dtype
        or not np.array_equal(mine[name], others[name], equal_nan=mine[name].dtype.kind == "f")
    ]


def _short(mine: object, others: object) -> str:
    """Two values, or, of mappings, what differs in them."""
    if isinstance(mine, Mapping) and isinstance(others, Mapping):
        names = sorted(name for name in mine.keys() | others.keys() if mine.get(name) != others.get(name))
        return ", ".join(f"{name}: {mine.get(name)} and {others.get(name)}" for name in names)
    return f"{mine} and {others}"
