"""Runs a grid of cells: what is stored is not run again, what is half done goes on, and one bad cell stops no other."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from robusthash.errors import RobustHashError, StorageError
from robusthash.evaluation.bench import Bench
from robusthash.evaluation.cells import CellWork, make_ready
from robusthash.evaluation.plan import NO_DEFENSE, Cell, VictimPlan, plan
from robusthash.evaluation.recording import assemble
from robusthash.evaluation.request import NOISE, Request
from robusthash.evaluation.shards import Arrays, ShardFolder, run_shard, shard_ranges
from robusthash.evaluation.workers import WorkerPool
from robusthash.evaluation.workshop import Workshop, user_path
from robusthash.host import Kind, PluginHost
from robusthash.results import Record, ResultStore
from robusthash.storage import require_writable
from robusthash.training import Progress

_SHARDS = ".shards"  #: folder of half-done cells, inside the results folder


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
    shop = Workshop(request.setting, host, progress)
    check(request, shop)
    require_writable(results, "--results")
    store = ResultStore(results)
    cells = plan(request, shop.data.epsilon)
    host.notify("robusthash_run_started", cells=len(cells), settings={"dataset": request.setting.dataset})
    outcome = Outcome()
    with ExitStack() as stack:
        pool = stack.enter_context(WorkerPool(request.setting, workers)) if workers > 1 else None
        for victim, group in _by_victim(cells):
            bench = Bench(victim, shop)
            outcome.victims[str(victim)] = bench.victim.origin
            noise: dict[float, Record] = {}
            for cell in group:
                try:
                    work = make_ready(cell, bench)
                    record = None if force else store.find(work.digest)
                    if record is not None:
                        outcome.reused.add(record.digest)
                    else:
                        arrays = _run(work, results, progress, pool, order)
                        record, kept = assemble(work, arrays, noise.get(cell.epsilon))
                        store.save(record, kept)
                        _folder(work, results).remove()
                        host.notify("robusthash_cell_finished", record=record)
                except StorageError:
                    raise
                except RobustHashError as error:
                    outcome.failures.append(Failure(cell=cell, owner=_owner(cell, shop), error=error))
                    bench = Bench(victim, shop)  # what failed may have changed the model
                    continue
                outcome.records.append(record)
                if cell.attack == NOISE:
                    noise[cell.epsilon] = record
    host.notify("robusthash_run_finished", records=outcome.records, seconds=time.monotonic() - started)
    return outcome


def check(request: Request, shop: Workshop) -> None:
    """Looks up every name and reads every option of a request, before anything is trained.

    Raises:
        UsageError: a name is unknown, or an option is wrong.
    """
    setting = request.setting
    registered = [name for name in request.models if user_path(name) is None]
    for name in registered:
        shop.objective(name)
    members: list[str] = []
    for name in dict.fromkeys((NOISE, *request.attacks)):
        members += shop.attack(name).use.options.get("members", ())
    for name in request.defenses:
        if name != NO_DEFENSE:
            shop.defense(name)
    backbones = shop.host.all(Kind.BACKBONE)
    used = [*registered, NOISE, *request.attacks, *members, *request.defenses, setting.dataset, *setting.metrics]
    shop.check_option_owners([*used, shop.retriever.use.name, *(entry.spec.name for entry in backbones)])
    if setting.backbone is not None:
        shop.backbone(setting.backbone)
    tuple(shop.metrics.values())


def _run(
    work: CellWork,
    results: Path,
    progress: Progress,
    pool: WorkerPool | None,
    order: Callable[[Sequence[int]], Sequence[int]],
) -> Arrays:
    """Runs the shards that are missing, and reads them all."""
    folder = _folder(work, results)
    missing = order(folder.missing())
    queries = len(work.bench.queries)
    ranges = shard_ranges(queries, work.bench.shop.shard_size)
    done = queries - sum(len(ranges[shard]) for shard in missing)
    progress(done, queries, str(work.cell))
    job = work.job  # made here for workers too: what the attack learns is in the cache before they look for it
    finished = pool.run(work.cell, missing) if pool else ((shard, run_shard(job, ranges[shard])) for shard in missing)
    for shard, arrays in finished:
        folder.write(shard, arrays)
        done += len(ranges[shard])
        progress(done, queries, str(work.cell))
    return folder.read()


def _folder(work: CellWork, results: Path) -> ShardFolder:
    shards = shard_ranges(len(work.bench.queries), work.bench.shop.shard_size)
    return ShardFolder(results / _SHARDS / work.digest[:32], len(shards))


def _by_victim(cells: Sequence[Cell]) -> Iterator[tuple[VictimPlan, list[Cell]]]:
    for victim in dict.fromkeys(cell.victim for cell in cells):
        yield victim, [cell for cell in cells if cell.victim == victim]


def _owner(cell: Cell, shop: Workshop) -> str:
    return str(shop.host.find(Kind.ATTACK, cell.attack).owner)
