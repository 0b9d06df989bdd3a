"""Runs a grid of cells. Stored cells are reused, unfinished ones resumed, and a failed one does not stop the others."""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robusthash.boundary import blaming, breach, foreign
from robusthash.contracts import Executor, Progress, Running, ShardTask, Workplace, in_use, run_tasks, silent
from robusthash.epsilon import Radius
from robusthash.errors import ContractError, OptionError, RobustHashError, StorageError
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.evaluation.crafting.shared import Shared, SharedCraft, scratch
from robusthash.evaluation.inspecting.pixels import twins
from robusthash.evaluation.planning.plan import Cell, VictimPlan, plan
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.running.assemble import assemble
from robusthash.evaluation.running.cells import PreparedCell, prepare
from robusthash.evaluation.running.checking import check, check_fitted, known
from robusthash.evaluation.running.executors import Local
from robusthash.evaluation.running.observing import Observed, observed
from robusthash.evaluation.running.outcome import Failure, RunOutcome
from robusthash.evaluation.running.pictures import add_pictures
from robusthash.evaluation.running.space import least_written
from robusthash.evaluation.running.work import CellTask, ShardWorker, WorkerFactory
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.files.caching import cache_folder
from robusthash.files.locks import locked
from robusthash.files.storage import remove_if_empty, removed_if_unused, require_space, require_writable
from robusthash.host import PluginHost
from robusthash.limits import MOST_PICTURES
from robusthash.results import CLEAN, Record, ResultStore
from robusthash.specs import Direction, Role

_SHARDS = ".shards"  #: folder of unfinished cells, in the results folder
SAMPLES = "samples"  #: folder of pictures of what attacks make of train images while they learn
_CRAFTED = ".crafted"  #: folder of adversarial inputs that several cells need, in the results folder


def evaluate(
    request: Request,
    host: PluginHost,
    *,
    results: Path,
    progress: Progress = silent,
    executor: Executor | None = None,
    force: bool = False,
    keep_pictures: int = 0,
) -> RunOutcome:
    """Evaluates all cells of a request, and stores a record of each.

    A cell that fails, and a victim that cannot be made, are among the failures of the outcome; the other cells are
    evaluated.

    Args:
        request: the grid.
        host: the plugins.
        results: the results folder.
        progress: called with (done, total, what) during long steps.
        executor: what runs shards; None is this process.
        force: whether to evaluate stored cells again.
        keep_pictures: of how many queries of each cell pictures are kept beside its record, those on which the attack
            achieved most (:func:`~robusthash.results.records.pictures.worst_queries`). They are no part of the record,
            and there are none of texts.

    Raises:
        OptionError: more pictures are asked for than are kept.
        UsageError: a name, an option or the results folder cannot be used.
        DatasetError: the dataset cannot be read.
        CheckpointError: a checkpoint cannot be read, or is of another model.
        StorageError: a result cannot be written; finished shards are kept.
    """
    if not 0 <= keep_pictures <= MOST_PICTURES:
        raise OptionError(f"pictures of {keep_pictures} queries", hint=f"keep those of 0 to {MOST_PICTURES}")
    place = executor or Local()
    resources = Resources(request.setting, host, progress, samples=results / SAMPLES)
    check(request, resources)
    require_writable(results, "--results")
    cells = plan(request, known(request, resources))
    check_fitted(cells, resources)
    require_space(results, least_written(cells, resources, pictures=keep_pictures), "the results")
    with (
        observed(request, host, len(cells), results=results, executor=place, force=force) as watched,
        ExitStack() as stack,
    ):
        stack.enter_context(removed_if_unused(results))
        systems = Systems(resources)
        stack.callback(systems.close)
        worker = ShardWorker(systems, cells)
        workplace = Workplace(
            here=worker,
            elsewhere=WorkerFactory(setting=request.setting, cells=tuple(cells)),
            settings={"dataset": resources.data.name, "device": resources.device.type},
        )
        running = stack.enter_context(in_use(place, workplace))
        run = _Run(systems, results, running, worker, force=force, keep_pictures=keep_pictures)
        stack.callback(remove_if_empty, results / _CRAFTED)
        crafted = stack.enter_context(scratch(results / _CRAFTED))
        shared = SharedCraft(cells, resources.plugins, crafted, every=keep_pictures > 0)
        stack.callback(remove_if_empty, results / _SHARDS)
        for position, cell in enumerate(cells):
            try:
                _evaluate(cell, position, run, shared, watched)
            finally:
                shared.finished(cell)
    return watched.outcome


def _evaluate(cell: Cell, place: int, run: "_Run", shared: SharedCraft, watched: Observed) -> None:
    """Evaluates one cell. What fails is told, and does not stop the others.

    Raises:
        StorageError: a result cannot be written, and no other could be.
    """
    systems = run.systems
    for victim in (cell.victim, cell.crafted_on, *cell.candidates):
        try:
            system = systems.get(victim, cell.direction)
        except StorageError:
            raise
        except RobustHashError as error:
            watched.failed(Failure(cell=cell, owner=error.owner or systems.owner(victim), error=error, victim=victim))
            return
        if victim == cell.victim:
            watched.outcome.victims[str(victim)] = system.victim.origin
    try:
        with blaming(None, f"evaluate {cell}"):
            record, reused = run.record(cell, place, shared.folders(cell))
    except StorageError:
        raise
    except RobustHashError as error:
        owner = error.owner or systems.resources.plugins.attack(cell.attack, dict(cell.options)).use.owner
        watched.failed(Failure(cell=cell, owner=owner, error=error))
        systems.drop(cell.crafted_on)  # the failed attack may have changed the model
        return
    watched.finished(record, reused=reused)


class _Run:
    """Evaluates the cells of one run.

    Args:
        systems: the victims, also an attribute.
        results: the results folder.
        running: the started executor.
        worker: runs shards in this process.
        force: whether to evaluate stored cells again.
        keep_pictures: of how many queries of each cell pictures are kept.
    """

    def __init__(
        self,
        systems: Systems,
        results: Path,
        running: Running,
        worker: ShardWorker,
        *,
        force: bool,
        keep_pictures: int,
    ) -> None:
        self.systems = systems
        self._shards_root = results / _SHARDS
        self._store = ResultStore(results)
        self._running = running
        self._worker = worker
        self._force = force
        self._keep_pictures = keep_pictures
        self._references: dict[tuple[VictimPlan, Radius, Direction], Record] = {}
        self._clean: dict[tuple[VictimPlan, Direction], np.ndarray] = {}

    def record(self, cell: Cell, place: int, shared: Shared) -> tuple[Record, bool]:
        """The record of a cell, which has a position in the plan, and whether it had been stored before."""
        prepared = prepare(cell, self.systems, shared)
        beside = cell.victim, cell.radius, cell.direction
        # If another run on this folder evaluates the same cell, this one waits and reuses the stored record.
        with locked(self._shards_root / f"{prepared.record.digest[:32]}.lock"):
            record = None if self._force else self._store.find(prepared.record.digest)
            reused = record is not None
            if record is None:
                result = self._attacked(prepared, place)
                alike = self._twins if cell.direction.query == cell.direction.item else None
                record, arrays = assemble(prepared, result, self._references.get(beside), alike)
                database = prepared.system.database
                searched = {"packed": database.representation.numpy(), "labels": database.labels.numpy()}
                self._store.save_database(record, searched)
                self._store.save(record, arrays)
            if self._keep_pictures:
                add_pictures(prepared, record, self._store, self._keep_pictures)
            prepared.folder(self._shards_root).remove()
        if prepared.attack.role is Role.REFERENCE:
            self._references[beside] = record
        return record, reused

    @cached_property
    def _twins(self) -> npt.NDArray[np.int64] | None:
        """The database item with exactly the pixels of each query, -1 for none; None without images.

        Raises:
            DatasetError: an image cannot be read.
        """
        resources = self.systems.resources
        with foreign(resources.data, "be read"):
            return twins(resources.queries, resources.data.database, cache_folder(), resources.progress)

    def _attacked(self, prepared: PreparedCell, place: int) -> ShardResult:
        """Runs the missing shards of a cell, and reads those that an interrupted run has left.

        Raises:
            ContractError: the clean queries have other codes than in an earlier cell with the same victim.
        """
        folder, progress = prepared.folder(self._shards_root), self.systems.resources.progress
        shards, missing = prepared.shards, folder.missing()
        queries, what = sum(map(len, shards)), str(prepared.cell)
        done = queries - sum(len(shards[shard]) for shard in missing)
        progress(done, queries, what)
        _ = prepared.job  # made before workers make theirs, so that they find what the attack learns in the cache
        self._worker.take(prepared)
        asked = CellTask(place=place, digest=prepared.record.digest, shared=prepared.shared)
        found: dict[int, ShardResult] = {}
        error: RobustHashError | None = None
        for finished in run_tasks(self._running, [ShardTask(cell=asked, shard=shard) for shard in missing]):
            if finished.error is not None:
                error = error or finished.error
                continue
            if not isinstance(finished.result, ShardResult):
                raise breach(self._running, "changed the result of a shard", hint="yield it unchanged")
            found[finished.task.shard] = finished.result
            folder.write(finished.task.shard, finished.result)
            done += len(shards[finished.task.shard])
            progress(done, queries, what)
        if error is not None:
            raise error
        lost = set(missing) - set(found)
        if lost:
            raise breach(self._running, f"did not run shards {sorted(lost)}", hint="run every task")
        result = ShardResult.cat([found.get(shard) or folder.read(shard) for shard in range(len(shards))])
        victim, codes = (prepared.cell.victim, prepared.cell.direction), result.arrays.codes[CLEAN]
        _require_same_victim(codes, self._clean.setdefault(victim, codes), prepared)
        return result


def _require_same_victim(codes: np.ndarray, clean: np.ndarray, prepared: PreparedCell) -> None:
    """Checks that clean queries have the same codes as in an earlier cell with the same victim.

    Raises:
        ContractError: the codes differ, because something has changed the model.
    """
    # Descriptors of shards from another machine may differ by rounding.
    same = codes == clean if codes.dtype == np.uint8 else np.isclose(codes, clean, rtol=1e-3, atol=1e-5)
    if not same.all():
        moved = int((~same).any(1).sum())
        raise ContractError(
            f"{moved} of {len(clean)} clean queries have other codes than before: the model was changed during the "
            f"attack {prepared.attack.use.name!r} of {prepared.attack.use.owner}, or before it",
            hint="an attack must not change the model, its hooks or its randomness",
        )
