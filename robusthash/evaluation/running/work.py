"""Runs single shards, in this process or in another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robusthash.boundary import blaming
from robusthash.contracts import FinishedShard, ShardTask, silent
from robusthash.errors import ContractError, RobustHashError
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
    """The cell of a :class:`ShardTask`, as a worker reads it.

    Attributes:
        place: position of the cell in the plan. Workers get the plan once, so that models are not sent with each task.
        digest: of the cell's record. A worker that makes something else of the cell must not run it.
        shared: folders of outcomes that other cells need, too, by name of the attack.
    """

    place: int
    digest: str
    shared: Shared


class ShardWorker:
    """Runs shards with the victims that it has loaded. A cell is prepared once for all its shards.

    Args:
        systems: the victims.
        cells: the plan.
    """

    def __init__(self, systems: Systems, cells: Sequence[Cell]) -> None:
        self._systems = systems
        self._cells = cells
        self._prepared: PreparedCell | None = None

    def take(self, prepared: PreparedCell) -> None:
        """Sets the current cell, which has been prepared elsewhere."""
        self._prepared = prepared

    def __call__(self, task: ShardTask) -> FinishedShard:
        """Runs one task. A :class:`RobustHashError` is returned, not raised."""
        asked: CellTask = task.cell
        cell = self._cells[asked.place]
        try:
            with blaming(None, f"attack shard {task.shard} of {cell}"):
                if self._prepared is None or self._prepared.cell != cell:
                    self._prepared = prepare(cell, self._systems, asked.shared)
                prepared = self._prepared
                if prepared.record.digest != asked.digest:
                    raise ContractError(
                        f"a worker process made another model, dataset or environment of {cell} than this process",
                        hint="seed the weights where the model is built, and edit no file during a run; "
                        "or omit workers",
                    )
                rows = prepared.shards[task.shard]
                result = run_shard(prepared.job, rows, qualities=self._systems.resources.setting.qualities)
        except RobustHashError as error:
            self._systems.drop(cell.crafted_on)  # the attack may have changed the model
            self._prepared = None
            return FinishedShard(task=task, error=error)
        return FinishedShard(task=task, result=result)


@dataclass(frozen=True, kw_only=True)
class WorkerFactory:
    """Creates a :class:`ShardWorker` in another process. It can be pickled if all objects in the plan can be.

    Attributes:
        setting: what all cells have in common.
        cells: the plan.
    """

    setting: RunSettings
    cells: tuple[Cell, ...]

    def __call__(self) -> Callable[[ShardTask], FinishedShard]:
        """Loads the plugins and creates the worker; victims are loaded when a cell needs them."""
        resources = Resources(self.setting, PluginHost.load(), silent, observed=False)
        return ShardWorker(Systems(resources), self.cells)
