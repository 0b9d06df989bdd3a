"""What runs that were split leave in a results folder: outlines tell what is missing, until all of a run is stored."""

import shutil
from collections.abc import Collection, Container, Hashable, Iterable, Iterator, Mapping
from pathlib import Path

from robusthash.errors import InputError
from robusthash.evaluation.crafting.shards import ShardFolder
from robusthash.evaluation.running.grids.parts import PartCell, has_outline, read_part, remove_outline
from robusthash.files.locks import locked
from robusthash.files.storage import digest as digest_of
from robusthash.files.storage import write_atomically

#: What is the same for all cells of a run.
_OF_RUNS = ("dataset", "seed", "shard_size", "versions", "relevance", "protocols", "headline", "qualities", "device")
_COMPLETE = "complete"  #: file in the folders of cells whose run is complete

SplitRun = Mapping[int, PartCell]  #: its cells that have outlines, by their positions in its plan


def outline_in(folder: Path) -> PartCell | None:
    """The outline in a folder; None if there is none, or another process has just removed it.

    Raises:
        InputError: it is damaged.
    """
    try:
        return read_part(folder) if has_outline(folder) else None
    except InputError:
        if has_outline(folder):
            raise
        return None


def outlines(shards: Path) -> Iterator[PartCell]:
    """All outlines that can be read.

    Args:
        shards: folder of unfinished cells.
    """
    for folder in sorted(shards.glob("*/")):
        part = _readable(folder)
        if part is not None:
            yield part


def run_of(part: PartCell) -> Hashable:
    """What the cells of one run have in common."""
    victimless = {name: value for name, value in part.record.identity().items() if name in _OF_RUNS}
    return part.planned.plan, digest_of(victimless)


def split_runs(parts: Iterable[PartCell]) -> list[SplitRun]:
    """Outlines by the run that they belong to."""
    found: dict[Hashable, dict[int, PartCell]] = {}
    for part in parts:
        found.setdefault(run_of(part), {})[part.planned.place] = part
    return list(found.values())


def is_complete(run: SplitRun) -> bool:
    """Whether a cell is marked as one of a run that was complete, and is being removed."""
    return any((part.folder / _COMPLETE).exists() for part in run.values())


def leave(folder: ShardFolder) -> None:
    """Removes the shards of a cell whose record is stored; its outline stays until :func:`clear`.

    Without it, whoever merges the parts of its run would not know that the cell is done.
    """
    if _readable(folder.folder) is None:
        folder.remove()
        return
    for shard in range(folder.shards):
        folder.path(shard).unlink(missing_ok=True)


def clear(
    shards: Path, runs: Iterable[SplitRun], stored: Container[str], *, covered: Collection[str] = frozenset()
) -> None:
    """Removes the shards of cells whose records are stored, and the outlines of runs that are complete.

    Args:
        shards: folder of unfinished cells.
        runs: that were split.
        stored: digests of records.
        covered: names of cells that are known to be stored.
    """
    for run in runs:
        done = [part for part in run.values() if part.record.digest in stored]
        plan = done[0].planned.plan if done else ()
        whole = bool(done) and len(done) == (len(run) if set(plan) <= set(covered) else len(plan))
        folders = [(part, shards / part.folder.name) for part in done]
        there = [(part, folder) for part, folder in folders if folder.is_dir()]
        # A kill may come between two removals: what is marked belongs to a run that was complete.
        whole = whole or any((folder / _COMPLETE).exists() for _, folder in there)
        for _, folder in there if whole else ():
            write_atomically(folder / _COMPLETE, b"")
        for part, folder in there:
            with locked(folder.with_suffix(".lock")):
                if whole:
                    remove_outline(folder)
                    shutil.rmtree(folder, ignore_errors=True)
                else:  # the outlines tell what is missing of the others
                    leave(ShardFolder(folder, len(part.ranges)))


def _readable(folder: Path) -> PartCell | None:
    """The outline in a folder; None also if it is damaged, so that it tells nothing."""
    try:
        return outline_in(folder)
    except InputError:
        return None
