"""Examines submissions by their files alone: all that needs neither torch nor plugins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robusthash.errors import InputError, RobustHashError
from robusthash.results.records.reading import read_record
from robusthash.results.records.record import Record
from robusthash.results.records.store import ResultStore
from robusthash.results.submission.arrays import Agreement
from robusthash.results.submission.description import FILE, Description, read_description
from robusthash.results.submission.files import check_files
from robusthash.results.submission.finding import Check, Finding
from robusthash.results.submission.records import (
    check_comparable,
    check_flags,
    check_new,
    check_references,
    check_texts,
    check_weights,
)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submission as far as its files tell.

    Attributes:
        folder: of the submission.
        records: those that can be read, by file.
        findings: what speaks against it.
        sound: those whose arrays can be read, too, and may be scored.
    """

    folder: Path
    records: Mapping[Path, Record]
    findings: tuple[Finding, ...]
    sound: Mapping[Path, Record]


def examine(folder: Path, board: Sequence[Record] = (), allowed: frozenset[str] = frozenset()) -> Submission:
    """Examines a submission. If a file is unsafe, none is opened.

    Args:
        folder: of the submission.
        board: the records that are on the leaderboard.
        allowed: ids of soundness checks that may fail.

    Raises:
        InputError: the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", hint="name a folder with submission.toml and records")
    unsafe = tuple(check_files(folder))
    if unsafe:
        return Submission(folder=folder, records={}, findings=unsafe, sound={})
    description, findings = _described(folder)
    records, unreadable = _records(folder)
    findings += unreadable
    for where, record in records.items():
        findings += check_texts(record, where)
        if description:
            findings += check_weights(record, where, description)
    for found in (
        check_flags(records, allowed),
        check_references(records),
        check_comparable(records, board),
        check_new(records, board),
    ):
        findings += found
    unsound = list(_arrays(folder, records))
    findings += unsound
    refused = {one.where for one in unsound}
    sound = {where: record for where, record in records.items() if where not in refused}
    return Submission(folder=folder, records=records, findings=tuple(findings), sound=sound)


def _described(folder: Path) -> tuple[Description | None, list[Finding]]:
    path = folder / FILE
    try:
        return read_description(path), []
    except InputError as error:
        hint = error.hint or ""
        return None, [Finding(check=Check.DESCRIPTION, where=path, message=error.message, hint=hint)]


def _records(folder: Path) -> tuple[dict[Path, Record], list[Finding]]:
    """The records that can be read, and what is wrong with the rest, or with where they lie."""
    store, records = ResultStore(folder), dict[Path, Record]()
    findings = list[Finding]()
    for path in sorted(folder.rglob("*.json")):
        try:
            record = read_record(path)
        except RobustHashError as error:
            findings.append(_unreadable(path, error.message, error.hint or "evaluate again"))
            continue
        own = store.path_of(record)
        if own != path:
            findings.append(_unreadable(path, f"its place is {own.relative_to(folder)}", "submit the folder as it is"))
        else:
            records[path] = record
    kept = {path.with_suffix(".npz") for path in records}
    kept |= {store.database_path(record) for record in records.values()}
    kept |= {path.with_suffix(".pictures.npz") for path in records}
    for path in sorted(folder.rglob("*.npz")):
        if path not in kept:
            findings.append(_unreadable(path, "these arrays belong to no record", "remove them"))
    return records, findings


def _arrays(folder: Path, records: Mapping[Path, Record]) -> Iterator[Finding]:
    store, agreement = ResultStore(folder), Agreement()
    for where, record in records.items():
        try:
            arrays = store.arrays(record)
        except InputError as error:
            yield Finding(check=Check.ARRAYS, where=where, message=error.message, hint="submit the file beside it")
            continue
        yield from agreement.check(where, record, arrays)


def _unreadable(path: Path, message: str, hint: str) -> Finding:
    return Finding(check=Check.RECORD, where=path, message=message, hint=hint)
