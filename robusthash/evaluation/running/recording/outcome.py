"""The outcome of a run: its records, and the cells that failed."""

from dataclasses import dataclass, field

from robusthash.errors import RobustHashError
from robusthash.evaluation.planning.plan import Cell, VictimPlan
from robusthash.results import Record


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A cell that could not be evaluated.

    Attributes:
        cell: the cell.
        owner: distribution and version of the code that failed; if that is unknown, of the attack, or of a model that
            could not be made.
        error: why it failed.
        victim: the victim or the surrogate that could not be made: no cell that needs it can be evaluated. None if the
            cell failed by itself.
    """

    cell: Cell
    owner: str
    error: RobustHashError
    victim: VictimPlan | None = None

    @property
    def whose(self) -> str:
        """What failed, for people: the cell, or the model; the error names whose code it was."""
        return str(self.victim or self.cell)


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """The outcome of a run.

    Attributes:
        records: one per evaluated cell, in the order of the plan.
        reused: digests of records that had been stored before.
        failures: cells that could not be evaluated.
        victims: origin of each victim, by its name.
    """

    records: list[Record] = field(default_factory=list)
    reused: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    victims: dict[str, str] = field(default_factory=dict)
