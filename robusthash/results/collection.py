"""A collection of records, for notebooks: a sequence that gives a leaderboard and a data frame."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

from robusthash.errors import MissingDependencyError, UsageError
from robusthash.results.leaderboard.board import Leaderboard
from robusthash.results.leaderboard.ranking import build_leaderboard
from robusthash.results.records.record import Record
from robusthash.results.records.store import ResultStore, UnreadableRecord
from robusthash.specs import Role

if TYPE_CHECKING:
    from pandas import DataFrame


class Results(Sequence[Record]):
    """An immutable sequence of records.

    Args:
        records: any; comparable or not.
        unreadable: files that could not be read.

    Attributes:
        unreadable: files that could not be read.
    """

    def __init__(self, records: Iterable[Record], *, unreadable: Iterable[UnreadableRecord] = ()) -> None:
        self._records = tuple(records)
        self.unreadable = tuple(unreadable)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Results": ...
    def __getitem__(self, index: int | slice) -> "Record | Results":
        return Results(self._records[index]) if isinstance(index, slice) else self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __repr__(self) -> str:
        lost = f", {len(self.unreadable)} unreadable" if self.unreadable else ""
        return f"<Results: {len(self)} record{'' if len(self) == 1 else 's'}{lost}>"

    def select(
        self,
        *,
        datasets: str | Iterable[str] = (),
        models: str | Iterable[str] = (),
        attacks: str | Iterable[str] = (),
        references: bool = False,
    ) -> "Results":
        """The records whose names match. Patterns are names with the wildcards ``*`` and ``?``; no pattern matches all.

        Args:
            datasets: patterns of dataset names.
            models: patterns of victims' model names.
            attacks: patterns of attack names.
            references: include references such as noise, whatever ``attacks`` is.
        """
        wanted = [(one,) if isinstance(one, str) else tuple(one) for one in (datasets, models, attacks)]

        def fits(record: Record) -> bool:
            dataset, model, attack = record.dataset.name, record.victim.model.name, record.attack
            kept = references and attack.role is Role.REFERENCE
            names = (dataset, model) if kept else (dataset, model, attack.name)
            return all(_matches(name, patterns) for name, patterns in zip(names, wanted, strict=False))

        return Results(filter(fits, self), unreadable=self.unreadable)

    def leaderboard(self) -> Leaderboard:
        """The leaderboard of these records."""
        return build_leaderboard(self)

    def to_frame(self) -> "DataFrame":
        """The records as a data frame, one row per record; ``victim`` and ``attack`` are unique names.

        Columns: the setting (``dataset`` ... ``seed``); the headline ``metric`` with its ``protocol`` and
        ``relevance``; its value and 95 % interval on the clean queries (``clean``, ``clean_low``, ``clean_high``),
        after the attack (``attacked`` ...), and for targeted attacks on the target labels (``target`` ...);
        after JPEG compression on the labels that the attack is judged by (``jpeg_75`` ..., ``clean_jpeg_75`` ...);
        ``psnr`` (dB), ``ssim``, ``linf`` and ``hamming`` (bits); the cost of the attack on all queries, and of its
        learning; ``flags``, ids of failed soundness checks, including those between records.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise MissingDependencyError(
                "a data frame needs pandas, which is not installed", hint="pip install pandas"
            ) from error
        from robusthash.results.frame import columns

        return DataFrame(columns(self))


def load_results(path: str | PathLike[str]) -> Results:
    """Loads the records of a results folder. Files that cannot be read are listed in ``unreadable``.

    Args:
        path: the folder.

    Raises:
        UsageError: it is no path.
        InputError: it does not exist.
    """
    if not isinstance(path, str | PathLike):
        raise UsageError(f"results folder is {path!r}, not a path", hint="pass a path")
    records, problems = ResultStore(Path(path)).load_all()
    return Results(records, unreadable=problems)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
