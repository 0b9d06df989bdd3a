"""Runs a grid of cells. Stored cells are reused, unfinished ones resumed, and a failed one does not stop the others."""

from contextlib import ExitStack
from pathlib import Path

from robusthash.contracts import Executor, Progress, Workplace, in_use, silent
from robusthash.errors import OptionError
from robusthash.evaluation.crafting.shared import SharedCraft, scratch
from robusthash.evaluation.planning.part import Part
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.running.executing.executors import Local
from robusthash.evaluation.running.executing.work import ShardWorker, WorkerFactory
from robusthash.evaluation.running.grids.grid import Grid
from robusthash.evaluation.running.grids.part_grid import PartGrid
from robusthash.evaluation.running.grids.parts import SHARDS
from robusthash.evaluation.running.grids.setup import Setup
from robusthash.evaluation.running.observing import observed
from robusthash.evaluation.running.preparing.checking import check, check_fitted, known
from robusthash.evaluation.running.preparing.space import least_written
from robusthash.evaluation.running.recording.outcome import RunOutcome
from robusthash.evaluation.running.recording.storing import Places
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Systems
from robusthash.files.storage import remove_if_empty, removed_if_unused, require_space, require_writable
from robusthash.host import PluginHost
from robusthash.limits import MOST_PICTURES
from robusthash.results import ResultStore

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
    part: Part | None = None,
    command: str = "",
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
        part: the part of the shards to evaluate, which are left in the results folder for
            :func:`~robusthash.evaluation.merging.merge.merge`; None is all of them. Neither ``force`` nor
            ``keep_pictures`` goes with it, see :func:`~robusthash.evaluation.planning.part.parse_part`.
        command: that evaluates a part, with ``{part}`` for which, for what is told of missing ones.
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
        stack.callback(remove_if_empty, results / _CRAFTED)
        crafted = stack.enter_context(scratch(results / _CRAFTED))
        shared = SharedCraft(cells, resources.plugins, crafted, every=keep_pictures > 0)
        stack.callback(remove_if_empty, results / SHARDS)
        places = Places(store=ResultStore(results), shards=results / SHARDS, pictures=keep_pictures)
        setup = Setup(cells=cells, systems=systems, shared=shared, watched=watched, worker=worker, places=places)
        grid = Grid(setup, force=force) if part is None else PartGrid(setup, part=part, command=command)
        stack.callback(grid.close)
        grid.run(running)
    return watched.outcome
