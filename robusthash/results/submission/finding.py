"""What speaks against a submission: one object, from which every rendering and the exit code are made."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from robusthash.results.gate.verdict import FAILED, INCONCLUSIVE, State


class Check(StrEnum):
    """What is checked. The names are stable."""

    DESCRIPTION = "description"  #: who submits, and how the weights are found
    FILES = "files"  #: only files of a results folder, of reasonable size and harmless names
    RECORD = "record"  #: it can be read, has the digest of its content, and lies where that says
    TEXT = "text"  #: no name or option does harm where it is shown
    FLAGS = "flags"  #: no soundness check failed
    WEIGHTS = "weights"  #: the description says how the weights are found
    ARRAYS = "arrays"  #: the queries' arrays are there, agree with one another and with other records
    NUMBERS = "numbers"  #: the numbers are what the stored codes come to
    REFERENCE = "reference"  #: the reference attack on the same victim is there
    COMPARABLE = "comparable"  #: it is ranked with the others on its dataset
    NEW = "new"  #: it is not on the leaderboard already
    REPRODUCTION = "reproduction"  #: the adversarial inputs can be made again


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that speaks against a submission, or that could not be checked.

    Attributes:
        check: what was checked.
        where: the file.
        message: what is wrong, in one line.
        hint: how to fix it.
        state: failed, or inconclusive if it could not be checked.
    """

    check: Check
    where: Path
    message: str
    hint: str
    state: State = State.FAIL


@dataclass(frozen=True, kw_only=True)
class Examination:
    """All that was found in some submissions.

    Attributes:
        folders: of the submissions.
        records: number of records in them.
        findings: in the order of the checks.
        reproduced: number of queries of each record that were to be made again; None if none were.
    """

    folders: tuple[Path, ...]
    records: int
    findings: tuple[Finding, ...]
    reproduced: int | None = None

    @property
    def state(self) -> State:
        """The worst state of a finding."""
        states = {one.state for one in self.findings}
        return next((state for state in (State.FAIL, State.INCONCLUSIVE) if state in states), State.PASS)

    @property
    def exit_code(self) -> int:
        """0, 3 or 4, as of a gate."""
        return {State.PASS: 0, State.FAIL: FAILED, State.INCONCLUSIVE: INCONCLUSIVE}[self.state]
