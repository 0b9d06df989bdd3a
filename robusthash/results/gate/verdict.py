"""The verdict of a gate: one object, from which every rendering and the exit code are made."""

from dataclasses import dataclass
from enum import StrEnum

from robusthash.results.gate.cells import Cell
from robusthash.results.gate.rules import Level, Rule
from robusthash.results.records.outcome import Flag

FAILED = 3  #: exit code of a gate that failed
INCONCLUSIVE = 4  #: exit code of a gate that could not decide


class State(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Undecided(StrEnum):
    """What an inconclusive check counts as, if not as itself."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A result against its baseline, query by query. Positive is worse.

    Attributes:
        mean: how far the metric fell; for a metric on the target labels, how far it rose.
        low: lower end of its interval; above the limit if and only if the check fails.
        high: upper end.
        before: mean of the baseline.
        queries: number of paired queries.
        needed: number of queries that would decide with a chance of 80 %; None if decided, or not known.
        detectable: the smallest drop that as many queries call too large with a chance of 80 %; None if not known.
    """

    mean: float
    low: float
    high: float
    before: float
    queries: int
    needed: int | None
    detectable: float | None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One rule, applied to one cell.

    Attributes:
        rule: the rule.
        cell: the result.
        number: how the number alone compares with the rule.
        difference: from the baseline; None for a rule that needs none, and on a first run.
        blocking: failed soundness checks that keep the cell from passing.
        allowed: failed soundness checks that are allowed by name.
        changes: of the victim since the baseline.
    """

    rule: Rule
    cell: Cell
    number: State
    difference: Difference | None = None
    blocking: tuple[Flag, ...] = ()
    allowed: tuple[Flag, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """How the check ended. A number whose soundness checks failed is no evidence, and cannot pass."""
        return State.FAIL if self.blocking else self.number


class NoticeKind(StrEnum):
    """What a notice is about."""

    FIRST_RUN = "first-run"  #: there is no baseline for these cells
    STALE = "stale-baseline"  #: the result is better than the baseline by more than the tolerance
    VACUOUS = "cannot-fail"  #: the baseline is too low for a drop that a rule would call too large
    ALLOWED = "allowed-flag"  #: a soundness check failed, and is allowed


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that a reader should know, and that decides nothing.

    Attributes:
        kind: what it is about.
        text: one line.
    """

    kind: NoticeKind
    text: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict of a gate.

    Attributes:
        checks: in the order of the rules.
        notices: what else a reader should know.
        confidence: of the intervals.
        undecided: what inconclusive checks count as; None for themselves.
    """

    checks: tuple[Check, ...]
    notices: tuple[Notice, ...] = ()
    confidence: float = 0.95
    undecided: Undecided | None = None

    @property
    def state(self) -> State:
        """The worst state of the rules of level error."""
        states = {self.counted(check) for check in self.checks if check.rule.level is Level.ERROR}
        return next((state for state in (State.FAIL, State.INCONCLUSIVE) if state in states), State.PASS)

    @property
    def exit_code(self) -> int:
        """0, 3 or 4."""
        return {State.PASS: 0, State.FAIL: FAILED, State.INCONCLUSIVE: INCONCLUSIVE}[self.state]

    def counted(self, check: Check) -> State:
        """What a check counts as, given what inconclusive ones count as."""
        if check.state is State.INCONCLUSIVE and self.undecided is not None:
            return State(self.undecided.value)
        return check.state
