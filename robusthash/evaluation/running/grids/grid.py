"""The cells of a run: prepared when their first shard is asked for, run side by side, stored with their last shard."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from robusthash.boundary import blaming, breach
from robusthash.contracts import FinishedShard, Running, ShardTask, run_tasks
from robusthash.errors import RobustHashError, RobustHashWarning, StorageError
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.running.executing.work import CellTask
from robusthash.evaluation.running.grids.leftovers import clear, leave, outlines, split_runs
from robusthash.evaluation.running.grids.references import References
from robusthash.evaluation.running.grids.setup import Setup
from robusthash.evaluation.running.preparing.cells import PreparedCell, prepare
from robusthash.evaluation.running.preparing.opened import OpenCell
from robusthash.evaluation.running.recording.outcome import Failure
from robusthash.evaluation.running.recording.pictures import add_pictures
from robusthash.evaluation.running.recording.storing import Records
from robusthash.files.locks import held, locked
from robusthash.results import Record


class Grid:
    """Evaluates the cells of one run.

    A cell is locked from its preparation until its record is stored. What another run on this folder has locked is left
    for later, and waited for only while no lock is held here, so that no two runs wait for each other.

    Args:
        setup: the plan, and what it is evaluated with.
        force: whether to evaluate stored cells again.
    """

    def __init__(self, setup: Setup, *, force: bool = False) -> None:
        self._cells = setup.cells
        self._systems = setup.systems
        self._shared = setup.shared
        self._watched = setup.watched
        self._worker = setup.worker
        self._store = setup.places.store
        self._shards = setup.places.shards
        self._force = force
        self._pictures = setup.places.pictures
        self._references = References(setup.cells, setup.systems.resources.plugins)
        self._left = list(range(len(setup.cells)))  # cells that nobody has begun, by position in the plan
        self._later: list[int] = []  # cells that another run is at work on, or whose reference is one of these
        self._open: dict[int, OpenCell] = {}
        self._found: dict[int, dict[int, ShardResult]] = {}  # by cell and shard, of those that are open
        self._records = Records(setup.systems, setup.places)
        self._fatal: BaseException | None = None

    def run(self, running: Running) -> None:
        """Evaluates all cells. What fails is told, and does not stop the others.

        Args:
            running: the started executor.

        Raises:
            StorageError: a result cannot be written, and no other could be.
        """
        waits = False
        while self._left:
            before = len(self._left)
            try:
                with closing(run_tasks(running, self._tasks(waits=waits))) as results:
                    for finished in results:
                        self._take(finished, running)
            except StorageError:
                raise
            except RobustHashError as error:
                self._broken(error, idle=len(self._left) == before)
            if self._fatal is not None:
                raise self._fatal
            if not self._left:
                for place in list(self._open):
                    self._defer(place)  # its reference is waited for: its shards are stored
                self._left, self._later, waits = sorted(self._later), [], True
        self._tidy()

    def close(self) -> None:
        """Releases the cells that an interrupted run has left open."""
        while self._open:
            self._open.popitem()[1].close()

    def _tidy(self) -> None:
        """Removes the outlines of runs that were split, as far as all of their cells are stored by now."""
        parts = list(outlines(self._shards))
        found = {part.record.digest for part in parts if self._store.find(part.record.digest) is not None}
        covered = () if self._watched.outcome.failures else [str(cell) for cell in self._cells]
        clear(self._shards, split_runs(parts), found, covered=covered)

    def _tasks(self, *, waits: bool) -> Iterator[ShardTask]:
        """The missing shards of the cells that are left, as an executor asks for them; it raises nothing."""
        try:
            while self._left:
                place = self._left.pop(0)
                opened = self._opened(place, wait=waits and not self._open)
                if opened is None:
                    continue
                task = CellTask(place=place, digest=opened.prepared.record.digest, shared=opened.prepared.shared)
                for shard in list(opened.missing):
                    if opened.error is not None:
                        break
                    opened.out += 1
                    yield ShardTask(cell=task, shard=shard)
                opened.asked = True
                if place in self._open:  # else it has failed
                    self._look(place)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            self._fatal = error

    def _opened(self, place: int, *, wait: bool) -> OpenCell | None:
        """A cell that has been prepared; None if it has failed, is stored, or is left to another run for now.

        Raises:
            StorageError: nothing can be written.
        """
        cell, systems = self._cells[place], self._systems
        for victim in (cell.victim, cell.crafted_on, *cell.candidates):
            try:
                system = systems.get(victim, cell.direction)
            except StorageError:
                raise
            except RobustHashError as error:
                self._failed(place, error, victim)
                return None
            if victim == cell.victim:
                self._watched.outcome.victims[str(victim)] = system.victim.origin
        with ExitStack() as stack:
            try:
                with blaming(None, f"evaluate {cell}"):
                    prepared = prepare(cell, systems, self._shared.folders(cell))
                    lock = self._shards / f"{prepared.record.digest[:32]}.lock"
                    if not self._locked(lock, stack, wait=wait):
                        self._later.append(place)
                        return None
                    stored = None if self._force else self._store.find(prepared.record.digest)
                    if stored is None:
                        stack.enter_context(systems.kept(prepared.system, prepared.surrogate))
                        return self._begun(place, prepared, stack)
                    self._reuse(prepared, stored)
            except StorageError:
                raise
            except RobustHashError as error:
                self._failed(place, error)
                return None
        self._finished(place, stored, reused=True)
        return None

    def _locked(self, lock: Path, held_on: ExitStack, *, wait: bool) -> bool:
        """Locks a cell, and says whether it could; if it is to wait, it can."""
        if not held_on.enter_context(held(lock)):
            if not wait:
                return False
            held_on.enter_context(locked(lock))
        return True

    def _reuse(self, prepared: PreparedCell, record: Record) -> None:
        """Removes the shards of a cell whose record is stored, and keeps pictures of it if it has fewer."""
        add_pictures(prepared, record, self._store, self._pictures)
        leave(prepared.folder(self._shards))

    def _begun(self, place: int, prepared: PreparedCell, held: ExitStack) -> OpenCell:
        opened = OpenCell(prepared=prepared, folder=prepared.folder(self._shards))
        self._tell(opened)
        _ = prepared.job  # made before workers make theirs, so that they find what the attack learns in the cache
        self._worker.take(place, prepared)
        return self._opens(place, opened, held)

    def _opens(self, place: int, opened: OpenCell, held_on: ExitStack) -> OpenCell:
        opened.held = held_on.pop_all()
        self._open[place], self._found[place] = opened, {}
        return opened

    def _take(self, finished: FinishedShard, running: Running) -> None:
        """Stores a shard.

        Raises:
            StorageError: it cannot be written.
        """
        place = finished.task.cell.place
        opened = self._open[place]
        opened.out -= 1
        if finished.error is not None:
            if isinstance(finished.error, StorageError):
                raise finished.error
            opened.error = opened.error or finished.error
        elif not isinstance(finished.result, ShardResult):
            opened.error = breach(running, "changed the result of a shard", hint="yield it unchanged")
        else:
            self._found[place][finished.task.shard] = finished.result
            opened.store(finished.task.shard, finished.result)
            self._tell(opened)
        self._look(place)

    def _look(self, place: int) -> None:
        """Stores the record of a cell whose last shard is there and whose reference is known.

        Raises:
            StorageError: it cannot be written.
        """
        opened = self._open[place]
        if opened.error is not None and not opened.out:
            self._failed(place, opened.error)
        elif opened.complete:
            try:
                with blaming(None, f"evaluate {opened.prepared.cell}"):
                    self._complete(place, opened)
            except StorageError:
                raise
            except RobustHashError as error:
                self._failed(place, error)

    def _complete(self, place: int, opened: OpenCell) -> None:
        """What becomes of a cell whose shards are all there.

        Raises:
            RobustHashError: it cannot be scored.
        """
        if self._references.known(place):
            record = self._records.made(opened, self._found[place], self._references.of(place))
            leave(opened.folder)
            self._finished(place, record, reused=False)

    def _finished(self, place: int, record: Record, *, reused: bool) -> None:
        self._watched.finished(record, place, reused=reused)
        self._settle(place, record)

    def _failed(self, place: int, error: RobustHashError, victim: VictimPlan | None = None) -> None:
        """Notes why a cell, or the victim that it needs, has failed."""
        cell = self._cells[place]
        if victim is not None:
            owner = self._systems.owner(victim)
        else:
            owner = self._systems.resources.plugins.attack(cell.attack, dict(cell.options)).use.owner
            self._systems.drop(cell.crafted_on)  # the failed attack may have changed the model
        self._watched.failed(Failure(cell=cell, owner=error.owner or owner, error=error, victim=victim), place)
        self._settle(place, None)

    def _settle(self, place: int, record: Record | None) -> None:
        """Ends a cell, and looks at those that have waited for its record."""
        self._end(place)
        self._shared.finished(self._cells[place])
        if place in self._left:
            self._left.remove(place)
        self._references.settle(place, record)
        for other in sorted(self._open):
            if other in self._open:
                self._look(other)
        for opened in list(self._open.values())[:1]:
            self._tell(opened)

    def _broken(self, error: RobustHashError, *, idle: bool) -> None:
        """Notes that the executor broke: what it was at work on is lost, and everything if it has taken no task."""
        lost = [place for place, opened in self._open.items() if not opened.complete]
        lost = lost or (list(self._left) if idle else [])
        for place in lost:
            self._failed(place, error)
        if not lost:
            warnings.warn(str(error), RobustHashWarning, stacklevel=2)

    def _tell(self, opened: OpenCell) -> None:
        """Tells how far a cell is, if it has been at work the longest: one line for all that are at work."""
        if not self._open or next(iter(self._open.values())) is opened:
            self._systems.resources.progress(*opened.progress, str(opened.prepared.cell))

    def _defer(self, place: int) -> None:
        self._end(place)
        self._later.append(place)

    def _end(self, place: int) -> None:
        self._worker.forget(place)
        opened, _ = self._open.pop(place, None), self._found.pop(place, None)
        if opened is not None:
            opened.close()
