"""What came of reproducing a record."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from robusthash.errors import RobustHashError
from robusthash.evaluation.rebuilding.deviations import Cause, Deviation
from robusthash.results import Record


class Verdict(StrEnum):
    """The outcome in one word."""

    SAME = "same"  #: same bytes, same codes, same numbers
    DIFFERENT = "different"  #: something is not as the record says
    INCONCLUSIVE = "inconclusive"  #: it is not the same, and other conditions or an own training may be why
    FAILED = "failed"  #: it cannot be made again, such as for want of a file


class Kept(StrEnum):
    """What is compared, in the order in which one depends on the other."""

    STORED = "stored numbers"  #: the record's numbers, and those that follow from its own arrays
    DATABASE = "database"  #: codes and labels of the searched items
    INPUTS = "inputs"  #: digests of what the attack delivered, a query each
    CODES = "codes"  #: of the queries, before and after the attack
    NUMBERS = "numbers"  #: of the record, or of the queries that were attacked again


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How much of something is the same.

    Attributes:
        what: is compared.
        same: how many are the same.
        of: how many there are; 0 if it was not compared.
        first: the first that differs, or why it was not compared; empty if all are the same.
    """

    what: Kept
    same: int
    of: int
    first: str = ""

    @property
    def equal(self) -> bool:
        """Whether nothing of it differs; also if it was not compared."""
        return self.same == self.of


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What came of reproducing a record.

    Attributes:
        record: as stored; None if its file cannot be read.
        where: its file, or its digest.
        verdict: the outcome in one word.
        deviations: how the cell that was made here differs from the record before it is run; what matters comes first.
        compared: what is the same, in the order in which one depends on the other.
        queries: queries that were attacked again.
        error: why it cannot be made again; None if it can.
    """

    record: Record | None
    where: str
    verdict: Verdict
    deviations: tuple[Deviation, ...] = ()
    compared: tuple[Compared, ...] = ()
    queries: int = 0
    error: RobustHashError | None = None

    @property
    def exit_code(self) -> int:
        """0 if all is the same, 3 if something differs, 4 if it is inconclusive; else the error's."""
        if self.error is not None:
            return self.error.exit_code
        return {Verdict.SAME: 0, Verdict.DIFFERENT: 3}.get(self.verdict, 4)

    @property
    def conditions(self) -> tuple[Deviation, ...]:
        """Deviations that change how it is computed, and not what."""
        return tuple(one for one in self.deviations if one.cause is Cause.CONDITION)

    @property
    def first(self) -> str:
        """What differs first, and why that may be; empty if nothing does."""
        if self.error is not None:
            return str(self.error)
        stored = [one for one in self.compared if one.what is Kept.STORED and not one.equal]
        if stored:
            return f"{Kept.STORED}: {stored[0].first}; they do not follow from the record's own arrays"
        made = [one for one in self.deviations if one.cause is Cause.INGREDIENT]
        if made:
            trained = "; it was trained here: name the record's own with --checkpoint" if made[0].made_here else ""
            return f"{made[0]}{trained}"
        differs = [one for one in self.compared if not one.equal]
        if not differs:
            return ""
        why = "; ".join(map(str, self.conditions)) or "software, device, threads and compute shape are the same"
        return f"{differs[0].what}: {differs[0].first} ({why})"


def exit_code(found: Iterable[Reproduction]) -> int:
    """The exit code for several records: 3 if one differs; else that of the first that failed; else 4, or 0."""
    codes = [one.exit_code for one in found]
    return 3 if 3 in codes else next((code for code in codes if code not in (0, 4)), max(codes, default=0))
