"""What is in the folders that are to be merged; what is in several of them has to be the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from robusthash.errors import InputError
from robusthash.evaluation.running.grids.leftovers import outline_in
from robusthash.evaluation.running.grids.parts import SHARDS, PartCell, same_result, unequal
from robusthash.files.arrays import read_arrays
from robusthash.results import QueryArrays, Record, ResultStore

_HINT = "one of them was changed, or made by other code or on another kind of machine: leave out what is wrong"


@dataclass(kw_only=True, eq=False)
class Collected:
    """What is in some folders.

    Attributes:
        records: by digest, where each complete one is stored.
        parts: by digest, unfinished cells, one for each folder that has it.
    """

    records: dict[str, tuple[Record, ResultStore]] = field(default_factory=dict)
    parts: dict[str, list[PartCell]] = field(default_factory=dict)


def collect(folders: Sequence[Path]) -> Collected:
    """Reads folders, and compares what several of them have.

    Args:
        folders: results folders; what is in an earlier one goes before.

    Raises:
        InputError: a folder or a file cannot be read; or two have something else of the same record, cell or shard.
    """
    found = Collected()
    for folder in folders:
        store = ResultStore(folder)
        records, problems = store.load_all()
        if problems:
            raise InputError(f"{problems[0].path} is no record: {problems[0].message}", hint="restore it, or remove it")
        for record in records:
            if record.digest in found.records:
                _require_same_record(record, store, *found.records[record.digest])
            else:
                found.records[record.digest] = record, store
        for path in sorted((folder / SHARDS).glob("*/")):
            part = outline_in(path)
            if part is not None:
                _add(found, part)
    for digest, parts in found.parts.items():
        if digest in found.records:
            record, store = found.records[digest]
            elsewhere = [part for part in parts if part.results != store.root]
            if elsewhere:
                _require_of_record(elsewhere, store.arrays(record), store.path_of(record))
    return found


def holders(parts: Sequence[PartCell]) -> Mapping[int, PartCell]:
    """Which folder has each shard of a cell: the first.

    Args:
        parts: one cell, in the folders that have it.
    """
    found: dict[int, PartCell] = {}
    for part in parts:
        for shard in range(part.shards.shards):
            if part.shards.path(shard).is_file():
                found.setdefault(shard, part)
    return found


def _add(found: Collected, part: PartCell) -> None:
    known = found.parts.setdefault(part.record.digest, [])
    if known:
        differences = known[0].differences(part)
        if differences:
            raise InputError(
                f"{part.name} is not the same in {known[0].folder} and {part.folder}: {'; '.join(differences)}",
                hint=_HINT,
            )
    there = holders(known)
    for shard in range(part.shards.shards):
        if part.shards.path(shard).is_file() and shard in there:
            other = there[shard]
            if not same_result(other.shards, part.shards, shard):
                raise InputError(
                    f"shard {shard} of {part.name} is not the same in {other.shards.path(shard)} and "
                    f"{part.shards.path(shard)}",
                    hint=_HINT,
                )
    known.append(part)


def _require_same_record(record: Record, store: ResultStore, other: Record, others: ResultStore) -> None:
    paths = f"{others.path_of(other)} and {store.path_of(record)}"
    if record.reproducible() != other.reproducible():
        mine, theirs = record.reproducible(), other.reproducible()
        names = ", ".join(name for name in sorted(mine) if mine[name] != theirs.get(name))
        raise InputError(f"the record is not the same in {paths}: {names}", hint=_HINT)
    different = unequal(store.arrays(record).to_arrays(), others.arrays(other).to_arrays())
    if different:
        raise InputError(f"the arrays of the record are not the same in {paths}: {', '.join(different)}", hint=_HINT)


def _require_of_record(parts: Sequence[PartCell], arrays: QueryArrays, path: Path) -> None:
    """Checks that the shards of a cell are those that its record was made of."""
    for part in parts:
        for shard, rows in enumerate(part.ranges):
            if not part.shards.path(shard).is_file():
                continue
            stored = part.shards.read(shard).arrays
            whole = {**arrays.codes, **{name: arrays.columns.get(name) for name in stored.columns if name != "trace"}}
            if any(
                name in whole and not _same_rows(array, whole[name], rows) for name, array in stored.to_arrays().items()
            ):
                raise InputError(
                    f"shard {shard} of {part.name} is not the same in {part.shards.path(shard)} and in {path}",
                    hint=_HINT,
                )


def _same_rows(array: np.ndarray, whole: np.ndarray | None, rows: range) -> bool:
    return whole is not None and np.array_equal(array, whole[rows.start : rows.stop], equal_nan=array.dtype.kind == "f")


def require_same_file(path: Path, other: Path) -> None:
    """Checks that two files of arrays are the same.

    Raises:
        InputError: they are not, or one cannot be read.
    """
    different = unequal(read_arrays(path), read_arrays(other))
    if different:
        raise InputError(f"{path} and {other} are not the same: {', '.join(different)}", hint=_HINT)
