"""What runs one shard, here or in another process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robusthash.contracts import FinishedShard, ShardTask
from robusthash.errors import RobustHashError
from robusthash.evaluation.crafting.measure import run_shard
from robusthash.evaluation.crafting.shared import Shared
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.running.cells import PreparedCell, prepare
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.host import PluginHost


@dataclass(frozen=True, kw_only=True)
class CellTask:
    """What a task's cell is.

    Attributes:
        place: of the cell in the plan, which every worker has: models in memory are sent once, not with each task.
        shared: where adversarial inputs are that other cells need too.
    """

    place: int
    shared: Shared


class ShardWorker:
    """Runs shards, with the victims that it has loaded; the cell at work is made ready once.

    Args:
        systems: the victims.
        cells: the plan.
    """

    def __init__(self, systems: Systems, cells: Sequence[Cell]) -> None:
        self._systems = systems
        self._cells = cells
        self._prepared: PreparedCell | None = None

    def take(self, prepared: PreparedCell) -> None:
        """Takes a cell that is ready already, so that it is not made ready again."""
        self._prepared = prepared

    def __call__(self, task: ShardTask) -> FinishedShard:
        """Runs one task; what fails as it may is told, not raised."""
        asked: CellTask = task.cell
        cell = self._cells[asked.place]
        try:
            if self._prepared is None or self._prepared.cell != cell:
                self._prepared = prepare(cell, self._systems, asked.shared)
            prepared = self._prepared
            rows = prepared.shards[task.shard]
            result = run_shard(prepared.job, rows, qualities=self._systems.resources.setting.qualities)
        except RobustHashError as error:
            self._systems.drop(cell.crafted_on)  # the attack may have changed the model
            self._prepared = None
            return FinishedShard(task=task, error=error)
        return FinishedShard(task=task, result=result)


@dataclass(frozen=True, kw_only=True)
class WorkerFactory:
    """Makes a :class:`ShardWorker` in another process. It can be pickled if all objects in the plan can be.

    Attributes:
        setting: what all cells have in common.
        cells: the plan.
    """

    setting: RunSettings
    cells: tuple[Cell, ...]

    def __call__(self) -> Callable[[ShardTask], FinishedShard]:
        """Loads the plugins, and makes the worker; victims are made when a cell needs them."""
        return ShardWorker(Systems(Resources(self.setting, PluginHost.load(), _silent)), self.cells)


def _silent(done: int, total: int, what: str) -> None:
    """A worker tells nobody how far it is."""
