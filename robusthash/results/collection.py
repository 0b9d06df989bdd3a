"""Records together, as a notebook wants them: a sequence, a leaderboard, a data frame."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, overload

from robusthash.errors import MissingDependencyError
from robusthash.results.leaderboard.board import Leaderboard
from robusthash.results.leaderboard.ranking import build_leaderboard
from robusthash.results.records.record import Record
from robusthash.results.records.store import ResultStore, UnreadableRecord
from robusthash.specs import Role

if TYPE_CHECKING:
    from pandas import DataFrame


class Results(Sequence[Record]):
    """Records, in an order that does not change.

    Args:
        records: any.
        unreadable: files that were found among them and hold no record.

    Attributes:
        unreadable: likewise.
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
        """Those whose names fit.

        Args:
            datasets: names of datasets, with the wildcards ``*`` and ``?``; none is all.
            models: of victims.
            attacks: of attacks.
            references: whether noise and its like fit whatever ``attacks`` says.
        """
        wanted = [(one,) if isinstance(one, str) else tuple(one) for one in (datasets, models, attacks)]

        def fits(record: Record) -> bool:
            dataset, model, attack = record.dataset.name, record.victim.model.name, record.attack
            kept = references and attack.role is Role.REFERENCE
            names = (dataset, model) if kept else (dataset, model, attack.name)
            return all(_matches(name, patterns) for name, patterns in zip(names, wanted, strict=False))

        return Results(filter(fits, self), unreadable=self.unreadable)

    def leaderboard(self) -> Leaderboard:
        """The records in sections that may be compared, ranked."""
        return build_leaderboard(self)

    def to_frame(self) -> "DataFrame":
        """The records as a data frame, one row a record, with names that are unique in it.

        Columns: what was evaluated (``dataset`` ... ``seed``); the headline ``metric`` with its ``protocol`` and
        ``relevance``; its value and 95 % interval on the clean queries (``clean``, ``clean_low``, ``clean_high``),
        after the attack (``attacked`` ...), and for targeted attacks on the target labels (``target`` ...);
        ``psnr`` (dB), ``ssim``, ``linf`` and ``hamming`` (bits); what the attack cost, all queries together, and what
        learning it cost; ``flags``, the ids of the soundness checks that failed, also those beside the other records.

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
    """The records of a results folder; files in it that hold no record are told in ``unreadable``.

    Args:
        path: of the folder.

    Raises:
        InputError: it does not exist.
    """
    records, problems = ResultStore(Path(path)).load_all()
    return Results(records, unreadable=problems)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
