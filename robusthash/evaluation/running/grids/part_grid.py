"""The cells of a run of which only some shards are evaluated here: these are left, with the outlines of their cells."""

from contextlib import ExitStack
from pathlib import Path

from robusthash.errors import InputError
from robusthash.evaluation.planning.part import Part, dealt
from robusthash.evaluation.running.grids.grid import Grid
from robusthash.evaluation.running.grids.leftovers import outlines, run_of
from robusthash.evaluation.running.grids.parts import PartCell, Planned, has_outline, read_part
from robusthash.evaluation.running.grids.setup import Setup
from robusthash.evaluation.running.preparing.cells import PreparedCell, prepare
from robusthash.evaluation.running.preparing.opened import OpenCell
from robusthash.evaluation.running.recording.assemble import outlined
from robusthash.files.locks import locked
from robusthash.results import Record


class PartGrid(Grid):
    """Evaluates a part of the shards of a run, and stores no record.

    Cells are not locked: others may be at work on other shards of the same cells.

    Args:
        setup: the plan, and what it is evaluated with.
        part: which shards.
        command: that evaluates a part, with ``{part}`` for which; empty if there is none.
    """

    def __init__(self, setup: Setup, *, part: Part, command: str) -> None:
        super().__init__(setup)
        resources = setup.systems.resources
        each = -(-len(resources.queries) // resources.shard_size)
        self._part, self._command = part, command
        self._share = part.shards(setup.cells, each)
        self._left = sorted(self._share)
        self._stored: list[int] = []  # cells whose records were there before, by position in the plan
        self._owners = dealt(setup.cells, each, part.of)

    def _locked(self, lock: Path, held_on: ExitStack, *, wait: bool) -> bool:  # noqa: ARG002 - as in the base class
        return True

    def _begun(self, place: int, prepared: PreparedCell, held: ExitStack) -> OpenCell:
        folder = prepared.folder(self._shards)
        opened = OpenCell(prepared=prepared, folder=folder, only=self._share[place])
        if opened.missing or not has_outline(folder.folder):
            self._tell(opened)
            _ = prepared.job
            if not self._outline(place, prepared, folder.folder):
                opened.missing.clear()
            self._worker.take(place, prepared)
        return self._opens(place, opened, held)

    def _outlined(self, place: int, prepared: PreparedCell, folder: Path) -> PartCell:
        outline, known = outlined(prepared, self._records.alike(prepared))
        beside = [
            prepare(self._cells[before], self._systems, {}).record.digest for before in self._references.before(place)
        ]
        planned = Planned(
            place=place,
            plan=tuple(map(str, self._cells)),
            of=self._part.of,
            parts=tuple(self._owners),
            beside=tuple(beside),
            command=self._command,
        )
        return PartCell(folder=folder, outline=outline, known=known, planned=planned)

    def _outline(self, place: int, prepared: PreparedCell, folder: Path) -> bool:
        """Writes the outline of a cell, or checks the one that is there; whether its record is still to be made.

        Raises:
            InputError: another has made something else of the cell.
        """
        own = self._outlined(place, prepared, folder)
        self._records.save_database(prepared)
        with locked(folder.with_suffix(".lock")):
            if self._store.find(prepared.record.digest) is not None:  # another has had all shards meanwhile
                return False
            there = read_part(folder) if has_outline(folder) else None
            differences = there.differences(own) if there is not None else []
            if differences:
                raise InputError(
                    f"{folder} has shards of {own.name} that were made elsewhere: not the same are "
                    f"{'; '.join(differences)}",
                    hint="make all parts alike, with the same OMP_NUM_THREADS; or in folders of their own",
                )
            if there is None:
                own.write(folder)
        return True

    def _reuse(self, prepared: PreparedCell, record: Record) -> None:
        """Leaves the outline of a cell whose record is stored: what is missing of the others is told by it."""

    def _finished(self, place: int, record: Record, *, reused: bool) -> None:
        super()._finished(place, record, reused=reused)
        self._stored.append(place)

    def _tidy(self) -> None:
        """Outlines cells whose records were there before, if others are unfinished: they would seem missing."""
        unfinished = {run_of(part) for part in outlines(self._shards)}
        for place in self._stored if unfinished else ():
            prepared = prepare(self._cells[place], self._systems, {})
            folder = prepared.folder(self._shards).folder
            own = self._outlined(place, prepared, folder)
            if run_of(own) in unfinished:
                with locked(folder.with_suffix(".lock")):
                    if not has_outline(folder):
                        own.write(folder)

    def _complete(self, place: int, opened: OpenCell) -> None:  # noqa: ARG002 - as in the base class
        self._settle(place, None)
