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
from robusthash.evaluation.running.preparing.cells import PreparedCell, prepare
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
    """Runs shards with the victims that it has loaded. A cell is prepared once for all its shards, as cells are mixed.

    Args:
        systems: the victims.
        cells: the plan.
    """

    most = 4  #: prepared cells that are kept

    def __init__(self, systems: Systems, cells: Sequence[Cell]) -> None:
        self._systems = systems
        self._cells = cells
        self._prepared: dict[int, PreparedCell] = {}  # by position in the plan, the last one used last

    def take(self, place: int, prepared: PreparedCell) -> None:
        """Keeps a cell that has been prepared elsewhere.

        Args:
            place: its position in the plan.
            prepared: the cell.
        """
        self._prepared = {other: one for other, one in self._prepared.items() if not one.dropped}
        self._prepared.pop(place, None)
        self._prepared[place] = prepared
        if len(self._prepared) > self.most:
            self.forget(next(iter(self._prepared)))

    def forget(self, place: int) -> None:
        """Drops a cell that is done.

        Args:
            place: its position in the plan.
        """
        self._prepared.pop(place, None)

    def __call__(self, task: ShardTask) -> FinishedShard:
        """Runs one task. A :class:`RobustHashError` is returned, not raised."""
        asked: CellTask = task.cell
        cell = self._cells[asked.place]
        try:
            with blaming(None, f"attack shard {task.shard} of {cell}"):
                prepared = self._prepared.get(asked.place)
                if prepared is None or prepared.dropped:
                    prepared = prepare(cell, self._systems, asked.shared)
                self.take(asked.place, prepared)
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
