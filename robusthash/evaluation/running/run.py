"""Runs a grid of cells: what is stored is not run again, what is half done goes on, and one bad cell stops no other."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from robusthash.contracts import Progress
from robusthash.errors import RobustHashError, StorageError
from robusthash.evaluation.crafting.shards import Arrays, ShardFolder, run_shard, shard_ranges
from robusthash.evaluation.crafting.shared import Kept, SharedCraft
from robusthash.evaluation.planning.plan import NO_DEFENSE, Cell, VictimPlan, checkpoint_path, plan
from robusthash.evaluation.planning.request import Request
from robusthash.evaluation.running.assemble import assemble
from robusthash.evaluation.running.cells import CellWork, make_ready
from robusthash.evaluation.running.workers import WorkerPool
from robusthash.evaluation.scoring.bench import Benches
from robusthash.evaluation.victims.resources import Resources, user_path
from robusthash.host import PluginHost, PluginKind
from robusthash.results import NOISE, Record, ResultStore
from robusthash.specs import Capability
from robusthash.storage import require_writable

_SHARDS = ".shards"  #: folder of half-done cells, inside the results folder
_CRAFTED = ".crafted"  #: folder of adversarial images that several cells of a run need


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A cell that could not be evaluated.

    Attributes:
        cell: which.
        owner: distribution and version of its attack.
        error: why.
    """

    cell: Cell
    owner: str
    error: RobustHashError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to.

    Attributes:
        records: one for each cell that could be evaluated, in the plan's order.
        reused: digests of records that were there before.
        failures: cells that could not be evaluated.
        victims: each victim's origin in a few words, by its name.
    """

    records: list[Record] = field(default_factory=list)
    reused: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    victims: dict[str, str] = field(default_factory=dict)


def evaluate(
    request: Request,
    host: PluginHost,
    *,
    results: Path,
    progress: Progress = lambda _done, _total, _what: None,
    workers: int = 1,
    force: bool = False,
    order: Callable[[Sequence[int]], Sequence[int]] = tuple,
) -> Outcome:
    """Evaluates every cell of a request, and stores a record of each.

    Args:
        request: the grid.
        host: the plugins.
        results: the results folder.
        progress: called with (done, total, what) during long steps.
        workers: processes that run shards; 1 runs them here.
        force: evaluate again what is stored.
        order: in which a cell's missing shards are run; it changes nothing.

    Raises:
        UsageError: a name, an option or the results folder cannot be used.
        DatasetError: the dataset cannot be read.
        StorageError: a result cannot be written; finished shards stay.
    """
    started = time.monotonic()
    resources = Resources(request.setting, host, progress)
    check(request, resources)
    require_writable(results, "--results")
    own_bits = resources.own_bits(registered_models(request))
    cells = plan(request, resources.data.epsilon, blind=_blind(request, resources), own_bits=own_bits)
    host.notify("robusthash_run_started", cells=len(cells), settings={"dataset": request.setting.dataset})
    outcome = Outcome()
    with ExitStack() as stack:
        pool = stack.enter_context(WorkerPool(request.setting, workers)) if workers > 1 else None
        run = _Run(resources, results, pool, order, force=force)
        shared = SharedCraft(cells, resources, results / _CRAFTED)
        for cell in cells:
            # A victim that cannot be had ends the run, before any of its cells; a cell that fails stops no other.
            victim, _ = run.benches.get(cell.victim).victim, run.benches.get(cell.source).victim
            outcome.victims[str(cell.victim)] = victim.origin
            try:
                record, reused = run.record(cell, shared.folders(cell))
            except StorageError:
                raise
            except RobustHashError as error:
                outcome.failures.append(Failure(cell=cell, owner=_owner(cell, resources), error=error))
                run.benches.drop(cell.source)  # what failed may have changed the model
                continue
            finally:
                shared.finished(cell)
            outcome.records.append(record)
            if reused:
                outcome.reused.add(record.digest)
    host.notify("robusthash_run_finished", records=outcome.records, seconds=time.monotonic() - started)
    return outcome


class _Run:
    """One run's way through its cells.

    Args:
        resources: the dataset and the plugins.
        results: the results folder.
        pool: worker processes; None runs the shards here.
        order: in which a cell's missing shards are run.
        force: evaluate again what is stored.
    """

    def __init__(
        self,
        resources: Resources,
        results: Path,
        pool: WorkerPool | None,
        order: Callable[[Sequence[int]], Sequence[int]],
        *,
        force: bool,
    ) -> None:
        self.resources = resources
        self.benches = Benches(resources)
        self._results = results
        self._store = ResultStore(results)
        self._pool = pool
        self._order = order
        self._force = force
        self._noise: dict[tuple[VictimPlan, float], Record] = {}

    def record(self, cell: Cell, kept: Kept) -> tuple[Record, bool]:
        """The record of a cell, and whether it was stored before."""
        work = make_ready(cell, self.benches, kept=kept)
        stored = None if self._force else self._store.find(work.record.digest)
        record = stored or self._evaluated(work)
        if cell.attack == NOISE:
            self._noise[cell.victim, cell.epsilon] = record
        return record, stored is not None

    def _evaluated(self, work: CellWork) -> Record:
        arrays = self._shards(work)
        record, kept = assemble(work, arrays, self._noise.get((work.cell.victim, work.cell.epsilon)))
        database = work.bench.database
        self._store.save_database(
            record, {"packed": database.representation.numpy(), "labels": database.labels.numpy()}
        )
        self._store.save(record, kept)
        self._folder(work).remove()
        self.resources.host.notify("robusthash_cell_finished", record=record)
        return record

    def _shards(self, work: CellWork) -> Arrays:
        """Runs the shards that are missing, and reads them all."""
        folder, progress = self._folder(work), self.resources.progress
        missing = self._order(folder.missing())
        queries = len(work.bench.queries)
        ranges = shard_ranges(queries, self.resources.shard_size)
        done = queries - sum(len(ranges[shard]) for shard in missing)
        progress(done, queries, str(work.cell))
        job = work.job  # made here for workers too: what the attack learns is in the cache before they look for it
        if self._pool:
            finished = self._pool.run(work.cell, missing, work.kept)
        else:
            qualities = self.resources.setting.qualities
            finished = ((shard, run_shard(job, ranges[shard], qualities=qualities)) for shard in missing)
        for shard, arrays in finished:
            folder.write(shard, arrays)
            done += len(ranges[shard])
            progress(done, queries, str(work.cell))
        return folder.read()

    def _folder(self, work: CellWork) -> ShardFolder:
        shards = shard_ranges(len(work.bench.queries), self.resources.shard_size)
        return ShardFolder(self._results / _SHARDS / work.record.digest[:32], len(shards))


def check(request: Request, resources: Resources) -> None:
    """Looks up every name and reads every option of a request, before anything is trained.

    Raises:
        UsageError: a name is unknown, or an option is wrong.
    """
    setting = request.setting
    registered = registered_models(request)
    for name in registered:
        resources.model(name)
    members: list[str] = []
    for name in dict.fromkeys((NOISE, *request.attacks)):
        members += resources.attack(name).use.options.get("members", ())
        for option, values in request.vary.get(name, {}).items():
            for value in values:
                resources.attack(name, {option: value})
    for name in request.defenses:
        if name != NO_DEFENSE:
            resources.defense(name)
    backbones = resources.host.all(PluginKind.BACKBONE)
    used = [*registered, NOISE, *request.attacks, *members, *request.defenses, setting.dataset, *setting.metrics]
    resources.check_option_owners([*used, resources.retriever.use.name, *(entry.spec.name for entry in backbones)])
    if setting.backbone is not None:
        resources.backbone(setting.backbone)
    tuple(resources.metrics.values())


def registered_models(request: Request) -> list[str]:
    """Victims and surrogates that are neither a file of the user's nor a checkpoint."""
    models = (*request.models, *request.surrogates)
    return [name for name in models if user_path(name) is None and checkpoint_path(name) is None]


def _blind(request: Request, resources: Resources) -> set[str]:
    """Attacks that look at no model, and so are crafted on none."""
    looks = {Capability.GRADIENTS, Capability.CODE_BANK, Capability.ANCHORS}
    names = dict.fromkeys((NOISE, *request.attacks))
    return {name for name in names if not looks & resources.attack(name).plugin.needs}


def _owner(cell: Cell, resources: Resources) -> str:
    return str(resources.host.find(PluginKind.ATTACK, cell.attack).owner)
