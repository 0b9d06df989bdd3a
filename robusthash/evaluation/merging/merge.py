"""Merges results folders: records are put into one, and made of shards that several machines have evaluated."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from robusthash.contracts import Progress, silent
from robusthash.errors import InputError
from robusthash.evaluation.merging.collecting import Collected, collect, holders, require_same_file
from robusthash.evaluation.merging.outcome import Merged, Missing
from robusthash.evaluation.merging.scoring import Scorer
from robusthash.evaluation.running.grids.leftovers import clear, is_complete, split_runs
from robusthash.evaluation.running.grids.parts import SHARDS, PartCell, has_outline
from robusthash.files.locks import held, locked
from robusthash.files.opening import read_file
from robusthash.files.storage import remove_if_empty, removed_if_unused, require_writable, write_atomically
from robusthash.host import PluginHost
from robusthash.results import Record, ResultStore

_BESIDE = (".npz", ".pictures.npz")  #: files that go with a record


def merge(folders: Sequence[Path], host: PluginHost, *, results: Path, progress: Progress = silent) -> Merged:
    """Merges results folders into one. The others are not changed, and nothing that is stored is replaced.

    Nothing is written unless all that is in several folders is the same. A cell whose shards are all there gets its
    record, which is that of one run; the shards of others are kept with it for a later merge.

    Args:
        folders: results folders of whole runs, or of parts.
        host: the plugins.
        results: the folder to merge into, which may be one of them.
        progress: called with (done, total, what).

    Raises:
        InputError: a folder or a file cannot be read, or two have something else of the same record, cell or shard.
        UsageError: the results folder cannot be written.
        StorageError: a file cannot be written.
    """
    absent = [folder for folder in folders if not folder.is_dir()]
    if absent:
        raise InputError(f"{absent[0]} is not a folder", hint="name the results folders of the runs")
    require_writable(results, "--results")
    others = [folder for folder in _distinct(folders) if not (results.exists() and folder.samefile(results))]
    collected = collect([*([results] if results.is_dir() else []), *others])
    target, new = ResultStore(results), set()
    copied = _copies(collected, target)
    for path, other in copied.items():
        if other.exists():
            require_same_file(path, other)
    with removed_if_unused(results):
        for path, other in copied.items():
            if not other.exists():
                write_atomically(other, read_file(path))
        for digest, (record, store) in list(collected.records.items()):
            if store is not target and target.find(digest) is None:
                _copy_record(record, store, target)
                new.add(digest)
            collected.records[digest] = record, target
        scorer = Scorer(host)
        try:
            for digest, record in _made(collected, scorer, target, progress):
                collected.records[digest] = record, target
                new.add(digest)
        finally:
            scorer.close()
        missing = tuple(_missing(collected))
        _clean(results, collected)
    records = sorted((record for record, _ in collected.records.values()), key=lambda one: str(target.path_of(one)))
    return Merged(records=tuple(records), new=frozenset(new), missing=missing)


def _distinct(folders: Sequence[Path]) -> list[Path]:
    return list({folder.resolve(): folder for folder in folders}.values())


def _copies(collected: Collected, target: ResultStore) -> dict[Path, Path]:
    """Databases that the target has to have, by where they are."""
    found: dict[Path, Path] = {}
    stores = [(record, store) for record, store in collected.records.values()]
    stores += [
        (part.record, ResultStore(part.folder.parent.parent)) for parts in collected.parts.values() for part in parts
    ]
    for record, store in stores:
        path, other = store.database_path(record), target.database_path(record)
        if path.exists() and path != other:
            found[path] = other
    return found


def _copy_record(record: Record, store: ResultStore, target: ResultStore) -> None:
    """Copies a record, its file last: one that exists is complete."""
    path, other = store.path_of(record), target.path_of(record)
    for ending in _BESIDE:
        if path.with_suffix(ending).exists():
            write_atomically(other.with_suffix(ending), read_file(path.with_suffix(ending)))
    write_atomically(other, read_file(path))


def _made(
    collected: Collected, scorer: Scorer, target: ResultStore, progress: Progress
) -> Iterator[tuple[str, Record]]:
    """Makes the records of cells that are complete, those that others are shown beside first.

    The shards of the others are put into the target.
    """
    left = sorted(
        (digest for digest in collected.parts if digest not in collected.records),
        key=lambda digest: collected.parts[digest][0].planned.place,
    )
    for done, digest in enumerate(left):
        progress(done, len(left), "making records of shards")
        parts = collected.parts[digest]
        part = parts[0]
        with locked(target.root / SHARDS / f"{digest[:32]}.lock"):
            stored = target.find(digest)
            if stored is None:  # else another has made it meanwhile, and removed its shards
                there = holders(parts)
                whole = len(there) == len(part.ranges)
                if whole and all(one in collected.records for one in part.planned.beside):
                    beside = next((collected.records[one][0] for one in part.planned.beside), None)
                    stored, arrays = scorer.record(part, there, target.database_path(part.record), beside)
                    target.save(stored, arrays)
                _keep(parts, target)
        if stored is not None:
            yield digest, stored
    progress(len(left), len(left), "making records of shards")


def _keep(parts: Sequence[PartCell], target: ResultStore) -> None:
    """Puts the shards of a cell, and its outline, into the target."""
    folder = target.root / SHARDS / parts[0].folder.name
    for shard, part in holders(parts).items():
        path = folder / part.shards.path(shard).name
        if not path.exists():
            write_atomically(path, read_file(part.shards.path(shard)))
    if not has_outline(folder):
        parts[0].write(folder)


def _missing(collected: Collected) -> Iterator[Missing]:
    """What is missing of the cells of all runs."""
    for places in split_runs(parts[0] for parts in collected.parts.values()):
        if is_complete(places):
            continue
        any_planned = next(iter(places.values())).planned
        for place, name in enumerate(any_planned.plan):
            part = places.get(place)
            if part is not None and part.record.digest in collected.records:
                continue
            there = holders(collected.parts[part.record.digest]) if part is not None else {}
            lost = [shard for shard in range(len(any_planned.parts[place])) if shard not in there]
            yield Missing(
                cell=name,
                shards=tuple(lost),
                all=not there,
                parts=tuple(sorted({any_planned.parts[place][shard] for shard in lost})),
                of=any_planned.of,
                command=any_planned.command,
                note=_note(part, collected) if part is not None else "",
            )


def _note(part: PartCell, collected: Collected) -> str:
    """Where the same cell of the same plan is another one, and what differs."""
    for digest, (other, *_) in collected.parts.items():
        same = (other.planned.plan, other.planned.place) == (part.planned.plan, part.planned.place)
        if same and digest != part.record.digest:
            mine, others = part.record.identity(), other.record.identity()
            names = [name for name in sorted(mine.keys() | others.keys()) if mine.get(name) != others.get(name)]
            return f"that of {other.folder} is another, with other {', '.join(names)}"
    return ""


def _clean(results: Path, collected: Collected) -> None:
    """Removes the shards of cells whose records are stored, and the outlines of runs that are complete."""
    runs = split_runs(parts[0] for parts in collected.parts.values())
    clear(results / SHARDS, runs, collected.records)
    for folder in (results / SHARDS).glob("*/"):  # shards that came after all had been there
        if not has_outline(folder) and any(digest.startswith(folder.name) for digest in collected.records):
            with locked(folder.with_suffix(".lock")):
                if not has_outline(folder):
                    shutil.rmtree(folder, ignore_errors=True)
    for lock in (results / SHARDS).glob("*.lock"):  # of processes that were killed
        with held(lock):
            pass
    remove_if_empty(results / SHARDS)
