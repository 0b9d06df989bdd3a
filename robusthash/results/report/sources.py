"""What a report is made from: results folders, read once, as strangers' files are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robusthash.errors import InputError
from robusthash.files.opening import there
from robusthash.results.collection import Results, load_results
from robusthash.results.comparing.consistency import flagged
from robusthash.results.records.arrays import TRACE, QueryArrays
from robusthash.results.records.pictures import Pictures
from robusthash.results.records.record import Record
from robusthash.results.records.store import ResultStore, UnreadableRecord
from robusthash.results.submission.description import FILE, Description, read_description

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A results folder.

    Attributes:
        name: what it is called in the report, unique; the path above it is nobody's business.
        store: reads it.
        description: who submitted it to a public leaderboard; None if nobody did.
    """

    name: str
    store: ResultStore
    description: Description | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A record, and where it is stored.

    Attributes:
        record: with the failed checks between records among its flags.
        folder: where it is.
    """

    record: Record
    folder: Folder

    def arrays(self) -> QueryArrays:
        """Its per-query arrays.

        Raises:
            InputError: they are missing or damaged.
        """
        return self.folder.store.arrays(self.record)

    def database(self) -> Mapping[str, Array]:
        """The codes and labels of the database that it was searched in.

        Raises:
            InputError: they are missing or damaged.
        """
        return self.folder.store.database(self.record)

    def pictures(self) -> Pictures | None:
        """The pictures of its worst queries; None if none were kept.

        Raises:
            InputError: they are damaged, or of another run.
        """
        return self.folder.store.pictures(self.record)


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """Results of one or several folders.

    Attributes:
        folders: in the order in which they were given.
        records: as stored, each once, oldest first.
        entries: the same records by digest, with the failed checks between them.
        unreadable: files that are no valid records.
        disagreements: records that two folders tell differently, a line each.
    """

    folders: tuple[Folder, ...]
    records: Results
    entries: Mapping[str, Entry]
    unreadable: tuple[UnreadableRecord, ...]
    disagreements: tuple[str, ...]

    def trace(self, record: Record) -> Array | None:
        """The distances of a record's queries to the aim after each step; None if it has none that can be read.

        The record's own page says what is wrong with arrays that cannot.
        """
        try:
            found = self.entries[record.digest].arrays().columns.get(TRACE)
        except InputError:
            return None
        return found if found is not None and found.ndim == 2 and found.dtype.kind in "iu" else None


def gather(paths: Sequence[Path], *, choose: Callable[[Results], Iterable[Record]] | None = None) -> Gathered:
    """Reads results folders.

    Args:
        paths: of the folders.
        choose: selects records of a folder; None takes all.

    Raises:
        InputError: a folder does not exist.
    """
    unreadable: list[UnreadableRecord] = []
    folders = tuple(_folders(paths, unreadable))
    kept: dict[str, tuple[Record, Folder]] = {}
    disagreements: list[str] = []
    for folder in folders:
        found = load_results(folder.store.root)
        unreadable += found.unreadable
        for record in choose(found) if choose else found:
            first = kept.setdefault(record.digest, (record, folder))
            if first[0].reproducible() != record.reproducible():
                disagreements.append(
                    f"{record.digest[:12]}: {first[1].name} and {folder.name} have different numbers; "
                    f"those of {first[1].name} are shown"
                )
    records = Results(sorted((one for one, _ in kept.values()), key=lambda one: (one.created, one.digest)))
    return Gathered(
        folders=folders,
        records=records,
        entries={one.digest: Entry(record=one, folder=kept[one.digest][1]) for one in flagged(records)},
        unreadable=tuple(unreadable),
        disagreements=tuple(disagreements),
    )


def _folders(paths: Sequence[Path], unreadable: list[UnreadableRecord]) -> Iterable[Folder]:
    taken: dict[str, int] = {}
    for path in paths:
        name = path.resolve().name or "results"
        taken[name] = taken.get(name, 0) + 1
        shown = name if taken[name] == 1 else f"{name} ({taken[name]})"
        yield Folder(name=shown, store=ResultStore(path), description=_description(path / FILE, unreadable))


def _description(path: Path, unreadable: list[UnreadableRecord]) -> Description | None:
    if not there(path):
        return None
    try:
        return read_description(path)
    except InputError as error:
        unreadable.append(UnreadableRecord(path=path, message=str(error)))
        return None
