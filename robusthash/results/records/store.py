"""The results folder: a JSON file per record, with the per-query arrays beside it. There is no index to go stale."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robusthash.errors import InputError, RobustHashError, UsageError
from robusthash.files.paths import read_path
from robusthash.files.storage import digest, write_atomically
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.reading import read_record
from robusthash.results.records.record import Record
from robusthash.specs import Direction

if TYPE_CHECKING:
    import numpy as np

    from robusthash.results.records.pictures import Pictures

_DIGITS = re.compile(r"[0-9a-f]{4,64}")
_NAMED = 12  #: digits of the digest in a file's name
_LONGEST = 80  #: characters of a name in a path
_PICTURES = ".pictures.npz"  #: suffix of the pictures of a record


@dataclass(frozen=True, kw_only=True)
class UnreadableRecord:
    """A JSON file in the results folder that is not a valid record.

    Attributes:
        path: of the file.
        message: what is wrong with it, and how to fix it.
    """

    path: Path
    message: str


class ResultStore:
    """Records in a folder: ``<dataset>/<model>-<size>/<defense>/<attack>-<digest>.json``.

    Args:
        root: the folder; the first :meth:`save` creates it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, record: Record) -> Path:
        """Path of a record. Its arrays have the same name with the suffix ``.npz``."""
        model = record.victim.model
        return (
            self.root
            / _safe(record.dataset.name)
            / f"{_safe(model.name)}-{_safe(model.label.replace(' ', ''))}"
            / (_safe(record.victim.defense.name) if record.victim.defense else "none")
            / f"{_safe(record.attack.name)}-{record.digest[:_NAMED]}.json"
        )

    def save(self, record: Record, arrays: QueryArrays) -> Path:
        """Writes the arrays, then the record, each atomically: a record that exists is complete.

        Args:
            record: the result of one cell.
            arrays: of its queries.

        Returns:
            Path of the record.

        Raises:
            StorageError: the folder cannot be written, or the disk is full. Nothing that was stored is lost.
        """
        from robusthash.files.arrays import write_arrays

        path = self.path_of(record)
        write_arrays(path.with_suffix(".npz"), arrays.to_arrays())
        write_atomically(path, record.to_json().encode())
        return path

    def save_pictures(self, record: Record, pictures: "Pictures") -> Path:
        """Writes pictures of some queries of a record; those that were there are replaced.

        Args:
            record: as stored.
            pictures: of some of its queries.

        Returns:
            Path of the file.

        Raises:
            StorageError: the folder cannot be written, or the disk is full.
        """
        from robusthash.files.arrays import write_arrays

        path = self.path_of(record).with_suffix(_PICTURES)
        write_arrays(path, pictures.to_arrays())
        return path

    def pictures(self, record: Record) -> "Pictures | None":
        """The pictures that are kept of some queries of a record; None if none are.

        Raises:
            InputError: they are damaged, or of other images than those that the record was made with.
        """
        from robusthash.files.arrays import read_arrays
        from robusthash.files.opening import there
        from robusthash.results.records.pictures import MOST_BYTES, Pictures

        path = self.path_of(record).with_suffix(_PICTURES)
        if not there(path):
            return None
        try:
            pictures = Pictures.from_arrays(read_arrays(path, at_most=MOST_BYTES))
            pictures.require_of(self.arrays(record))
        except InputError as error:
            raise InputError(f"{path}: {error.message}", hint=error.hint) from error
        return pictures

    def save_database(self, record: Record, arrays: Mapping[str, "np.ndarray"]) -> None:
        """Writes the codes and labels of the database, once for all records of a victim.

        Args:
            record: of the victim.
            arrays: ``packed``, (items, bytes) uint8 codes or (items, size) float32 descriptors; and ``labels``,
                (items, classes) uint8.

        Raises:
            StorageError: the folder cannot be written, or the disk is full.
        """
        from robusthash.files.arrays import write_arrays

        path = self.database_path(record)
        if not path.exists():
            write_arrays(path, arrays)

    def database(self, record: Record) -> dict[str, "np.ndarray"]:
        """The arrays that :meth:`save_database` wrote.

        Raises:
            InputError: it is missing or damaged.
        """
        from robusthash.files.arrays import read_arrays

        return read_arrays(self.database_path(record))

    def database_path(self, record: Record) -> Path:
        """Path of the codes and labels of the database that a record's victim searches."""
        """Path of the codes and labels of the database, which all records of a victim share."""
        defense = asdict(record.victim.defense) if record.victim.defense else None
        made_from = {"dataset": record.dataset.digest, "model": record.victim.model.digest, "defense": defense}
        if record.victim.direction != Direction.I2I:
            made_from["direction"] = record.victim.direction
        name = digest(made_from)
        return self.path_of(record).with_name(f"database-{name[:_NAMED]}.npz")

    def arrays(self, record: Record) -> QueryArrays:
        """The per-query arrays of a record.

        Raises:
            InputError: they are missing or damaged.
        """
        from robusthash.files.arrays import read_arrays

        return QueryArrays.from_arrays(read_arrays(self.path_of(record).with_suffix(".npz")))

    def find(self, digest: str) -> Record | None:
        """The record with this digest; None if there is none, or if its file is damaged and has to be made again."""
        for path in sorted(self.root.glob(f"*/*/*/*-{digest[:_NAMED]}.json")):
            try:
                record = read_record(path)
            except InputError:
                continue
            if record.digest == digest:
                return record
        return None

    def lookup(self, prefix: str) -> Record:
        """The only record whose digest starts with these digits.

        Raises:
            UsageError: there is none, or several.
            InputError: its file is damaged.
        """
        if not _DIGITS.fullmatch(prefix):
            raise UsageError(f"{prefix!r} is neither a file nor a digest", hint="give at least 4 digits of the digest")
        found = [
            record
            for path in self._paths()
            if path.stem.rpartition("-")[2].startswith(prefix[:_NAMED])
            for record in [read_record(path)]
            if record.digest.startswith(prefix)
        ]
        if not found:
            raise UsageError(f"no record in {self.root} has the digest {prefix}...", hint="see robusthash leaderboard")
        if len(found) > 1:
            names = ", ".join(str(self.path_of(record)) for record in found)
            raise UsageError(f"{len(found)} records have the digest {prefix}...: {names}", hint="give more digits")
        return found[0]

    def locate(self, name: str) -> Record:
        """The record in a file, or the only one whose digest starts with these digits.

        Raises:
            UsageError: there is none, or several.
            InputError: its file is damaged.
        """
        path = read_path(name, "record")
        return self.lookup(name) if _DIGITS.fullmatch(name) and not path.is_file() else read_record(path)

    def files(self, target: str | None) -> list[Path]:
        """The files of one record or of several.

        Args:
            target: a record's file, the first digits of its digest, or a folder of records; None is this folder.

        Raises:
            UsageError: no record, or several, have such a digest.
            InputError: there is no such file or folder.
        """
        path = self.root if target is None else read_path(target, "record")
        if target is None or path.is_dir():
            if not path.is_dir():
                raise InputError(f"{path} is not a folder", hint="run robusthash eval first, or name it in --results")
            return list(ResultStore(path)._paths())
        return [self.file(str(target))]

    def file(self, name: str) -> Path:
        """The file of a record, given that, or the first digits of its digest.

        Raises:
            UsageError: no record, or several, have such a digest.
        """
        path = read_path(name, "record")
        return path if path.is_file() or not _DIGITS.fullmatch(name) else self.path_of(self.lookup(name))

    def arrays_beside(self, name: str, record: Record) -> QueryArrays:
        """The arrays of a record that :meth:`locate` found: those beside its file, wherever it is.

        Raises:
            InputError: they are missing or damaged.
        """
        from robusthash.files.arrays import read_arrays

        path = Path(name)
        if not path.is_file():
            return self.arrays(record)
        return QueryArrays.from_arrays(read_arrays(path.with_suffix(".npz")))

    def load_all(self) -> tuple[list[Record], list[UnreadableRecord]]:
        """All records, in the order of their paths, and all JSON files that are not valid records.

        Raises:
            InputError: the folder does not exist.
        """
        if not self.root.is_dir():
            raise InputError(f"{self.root} is not a folder", hint="run robusthash eval first, or name it in --results")
        records, problems = [], []
        for path in self._paths():
            try:
                records.append(read_record(path))
            except RobustHashError as error:
                problems.append(UnreadableRecord(path=path, message=str(error)))
        return records, problems

    def _paths(self) -> Iterator[Path]:
        """JSON files, except hidden ones, half-written ones and those in hidden folders, which runs may be removing."""
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(folder, name) for name in files if name.endswith(".json") and not name.startswith(".")]
        yield from sorted(found)


def _safe(name: str) -> str:
    """A name as one component of a path: without separators, not hidden, of limited length."""
    return re.sub(r"^\.+", "_", re.sub(r"[^\w.@+-]", "_", name))[-_LONGEST:]
