"""A record with all that is stored beside it, and whether its numbers follow from that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robusthash.errors import RobustHashError
from robusthash.evaluation.reproducing.comparing import flags, numbers_of_codes
from robusthash.evaluation.reproducing.outcome import Compared, Kept
from robusthash.evaluation.tasks.rescore import again
from robusthash.evaluation.victims.resources import Resources
from robusthash.files.arrays import read_arrays
from robusthash.results import QueryArrays, Record, ResultStore, read_record
from robusthash.results.comparing.keys import reference_key
from robusthash.specs import Role


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredCell:
    """A record with all that is stored beside it.

    Attributes:
        record: the record.
        where: its file, or its digest.
        arrays: of its queries; None if only the record is at hand.
        database: codes and labels of the searched items; empty if only the record is at hand.
        reference: record of the reference attack on the same victim; None if there is none.
    """

    record: Record
    where: str
    arrays: QueryArrays | None = None
    database: Mapping[str, np.ndarray]
    reference: Record | None = None

    @property
    def judged(self) -> bool:
        """Whether every flag can be found again: one compares with the reference."""
        return self.reference is not None or self.record.attack.role is Role.REFERENCE


def read_stored(path: Path) -> StoredCell:
    """Reads a record's file and the files beside it.

    Args:
        path: of the record.

    Raises:
        InputError: one of them is missing or damaged.
    """
    record = read_record(path)
    return StoredCell(
        record=record,
        where=str(path),
        arrays=QueryArrays.from_arrays(read_arrays(path.with_suffix(".npz"))),
        database=read_arrays(path.parent / ResultStore(Path()).database_path(record).name),
        reference=_reference(path, record),
    )


def only_record(record: Record) -> StoredCell:
    """A record without anything beside it."""
    return StoredCell(record=record, where=record.digest[:12], database={})


def stored_numbers(stored: StoredCell, resources: Resources) -> Compared:
    """Whether a record's numbers follow from its arrays: they are scored again, without a victim.

    Args:
        stored: the record and its arrays.
        resources: its metrics and its retriever.

    Raises:
        InputError: an array is missing, or does not fit the rest.
    """
    record, arrays = stored.record, stored.arrays
    if arrays is None:
        return Compared(what=Kept.STORED, same=0, of=0, first="the record came without its arrays")
    new, scores = again(record, record, arrays, stored.database, resources, stored.reference)
    found = list(numbers_of_codes(record.outcome, new.outcome))
    means = {name: arrays.columns[name] for name in record.outcome.imagery if name in arrays.columns}
    for name, values in means.items():
        told, mean = record.outcome.imagery[name], float(values.mean())
        found.append((name, told, mean, bool(np.isclose(told, mean, rtol=1e-9, atol=1e-12, equal_nan=True))))
    for key, values in scores.scores.items():
        kept = arrays.scores.get(key)
        same = kept is not None and np.allclose(kept, values, rtol=1e-9, atol=1e-12, equal_nan=True)
        found.append((f"{key.stored} of each query", "stored", "other", same))
    found.append(flags(record.outcome, new.outcome, reference=stored.judged))
    wrong = [(name, told, here) for name, told, here, same in found if not same]
    return Compared(
        what=Kept.STORED,
        same=len(found) - len(wrong),
        of=len(found),
        first=f"{wrong[0][0]} is {wrong[0][1]}, and from the arrays {wrong[0][2]}" if wrong else "",
    )


def _reference(path: Path, record: Record) -> Record | None:
    """The record of the reference that a record was judged beside: of several, the one under the likest conditions."""

    def alike(one: Record) -> tuple[bool, ...]:
        ours, theirs = record.conditions, one.conditions
        return (
            one.scoring.protocols == record.scoring.protocols,
            theirs.shard_size == ours.shard_size,
            theirs.versions == ours.versions,
        )

    return max((one for one in _beside(path) if _is_reference(one, record)), key=alike, default=None)


def _beside(path: Path) -> Iterator[Record]:
    for other in sorted(path.parent.glob("*.json")):
        try:
            yield read_record(other)
        except RobustHashError:  # a damaged neighbour is no reference; reading it by itself tells
            continue


def _is_reference(one: Record, record: Record) -> bool:
    return (
        one.attack.role is Role.REFERENCE
        and one.digest != record.digest
        and reference_key(one) == reference_key(record)
        and one.scoring.headline == record.scoring.headline
    )
