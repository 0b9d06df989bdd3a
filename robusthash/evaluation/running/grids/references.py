"""The records that others are shown beside: of the reference attack on the same victim, with the same radius."""

from collections.abc import Sequence

from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.results import Record
from robusthash.specs import Role


class References:
    """Which record each cell of a plan is shown beside, and whether it is known by now.

    Args:
        cells: the plan.
        plugins: looks up the attacks.
    """

    def __init__(self, cells: Sequence[Cell], plugins: Plugins) -> None:
        self._before: list[tuple[int, ...]] = []
        earlier: dict[object, tuple[int, ...]] = {}
        for place, cell in enumerate(cells):
            beside = cell.victim, cell.radius, cell.direction
            self._before.append(earlier.get(beside, ()))
            if plugins.attack(cell.attack, dict(cell.options)).role is Role.REFERENCE:
                earlier[beside] = (place, *self._before[place])
        self._records: dict[int, Record | None] = {}

    def before(self, place: int) -> tuple[int, ...]:
        """Positions of the cells whose records a cell may be shown beside, the latest in the plan first."""
        return self._before[place]

    def settle(self, place: int, record: Record | None) -> None:
        """Notes the record of a cell; None if it has failed."""
        self._records[place] = record

    def known(self, place: int) -> bool:
        """Whether it is known which record a cell is shown beside."""
        return all(before in self._records for before in self._before[place])

    def of(self, place: int) -> Record | None:
        """The record that a cell is shown beside: the last before it in the plan; None if there is none."""
        found = (self._records[before] for before in self._before[place])
        return next((record for record in found if record is not None), None)
