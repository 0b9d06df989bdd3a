"""Reproduces records: makes their adversarial inputs again, and compares these, their codes and their numbers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from robusthash.boundary import blaming, foreign
from robusthash.contracts import Progress, silent
from robusthash.errors import RobustHashError
from robusthash.evaluation.crafting.measure import run_shard
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.evaluation.inspecting.pixels import twins
from robusthash.evaluation.rebuilding.deviations import Cause, Deviation, conditions
from robusthash.evaluation.rebuilding.given import Given
from robusthash.evaluation.rebuilding.rebuild import rebuilt, threads_of
from robusthash.evaluation.rebuilding.settings import settings_of
from robusthash.evaluation.reproducing.comparing import (
    close,
    close_queries,
    compared_codes,
    compared_database,
    compared_inputs,
    compared_outcomes,
    compared_queries,
)
from robusthash.evaluation.reproducing.outcome import Compared, Kept, Reproduction, Verdict
from robusthash.evaluation.reproducing.stored import StoredCell, read_stored, stored_numbers
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.running.recording.assemble import assemble, outlined
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.resources import Resources
from robusthash.files.caching import cache_folder
from robusthash.host import PluginHost
from robusthash.results import QueryArrays, Record

_NOTHING = Given()


def reproduce(
    stored: StoredCell,
    host: PluginHost,
    given: Given = _NOTHING,
    *,
    queries: int | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Reproduction:
    """Makes a record again, and compares. Nothing is written but caches of what is trained or learnt.

    Args:
        stored: the record and what is stored beside it.
        host: the plugins.
        given: what the record cannot hold.
        queries: attack only the first of the record's queries, in whole shards, which fix the compute shape; None
            attacks all.
        threads: number of threads; None is the record's.
        progress: called with (done, total, what).

    Returns:
        The outcome; what cannot be made again is a failure, with its error.
    """
    try:
        with threads_of(stored.record, threads), blaming(None, f"reproduce {stored.where}"):
            return _reproduced(stored, host, given, queries, progress)
    except RobustHashError as error:
        return Reproduction(record=stored.record, where=stored.where, verdict=Verdict.FAILED, error=error)


def reproduce_file(
    path: Path,
    host: PluginHost,
    given: Given = _NOTHING,
    *,
    queries: int | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> Reproduction:
    """Makes the record in a file again; arguments as for :func:`reproduce`. A file that cannot be read is a failure."""
    try:
        stored = read_stored(path)
    except RobustHashError as error:
        return Reproduction(record=None, where=str(path), verdict=Verdict.FAILED, error=error)
    return reproduce(stored, host, given, queries=queries, threads=threads, progress=progress)


def _reproduced(
    stored: StoredCell, host: PluginHost, given: Given, queries: int | None, progress: Progress
) -> Reproduction:
    record = stored.record
    own = stored_numbers(stored, Resources(settings_of(record, given, host), host, progress, observed=False))
    found = Reproduction(record=record, where=stored.where, verdict=Verdict.DIFFERENT, compared=(own,))
    with rebuilt(record, host, given, progress) as made:
        found = replace(found, deviations=made.deviations)
        other = [one for one in made.deviations if one.cause is Cause.INGREDIENT]
        if made.cell is None or other:
            trained = bool(other) and all(one.made_here for one in other)
            return replace(found, verdict=Verdict.INCONCLUSIVE if trained and own.equal else Verdict.DIFFERENT)
        return _attacked(found, stored, made.cell, queries, progress)


def _attacked(
    found: Reproduction, stored: StoredCell, cell: PreparedCell, queries: int | None, progress: Progress
) -> Reproduction:
    """The reproduction of a record whose cell is the same."""
    database = cell.system.database
    items = compared_database(stored.database, database.representation.numpy(), database.labels.numpy())
    result, rows = _crafted(cell, queries, progress)
    record = stored.record
    whole = len(rows) == record.dataset.queries
    here, arrays = _scored(cell, result, rows, stored)
    names = _names(cell, rows)
    parts: list[Compared] = [*found.compared, items]
    if stored.arrays is None:
        without = "the record came without its arrays"
        parts += [Compared(what=what, same=0, of=0, first=without) for what in (Kept.INPUTS, Kept.CODES)]
    else:
        parts += [compare(stored.arrays, arrays, rows, names) for compare in (compared_inputs, compared_codes)]
    totals = [compared_outcomes(record, here, reference=stored.judged)] if whole else []
    each = [compared_queries(stored.arrays, arrays, rows, names)] if stored.arrays is not None else []
    parts.append(next((one for one in (*totals, *each) if not one.equal), (*totals, *each)[0]))
    near = close(record, here) if whole else _near(stored, arrays, rows)
    deviations = _as_attacked(found.deviations, record, here, whole=whole)
    found = replace(found, compared=tuple(parts), deviations=deviations, queries=len(rows))
    return replace(found, verdict=_verdict(found, near=near))


def _near(stored: StoredCell, here: QueryArrays, rows: Sequence[int]) -> bool:
    return stored.arrays is not None and close_queries(stored.arrays, here, rows)


def _verdict(found: Reproduction, *, near: bool) -> Verdict:
    own, *made = found.compared
    if not own.equal:
        return Verdict.DIFFERENT
    if all(one.equal for one in made):
        return Verdict.SAME
    otherwise = any(not one.made_here for one in found.conditions)
    return Verdict.INCONCLUSIVE if otherwise and near else Verdict.DIFFERENT


def _as_attacked(
    deviations: tuple[Deviation, ...], stored: Record, here: Record, *, whole: bool
) -> tuple[Deviation, ...]:
    """The deviations with those that are known only once the attack has run: what it has learnt, the largest batch."""
    found = [*deviations]
    learnt, now = (one.origins.learnt if one.origins else {} for one in (stored, here))
    for name, theirs in learnt.items():
        ours = now.get(name, "nothing")
        if ours != theirs:
            found.append(
                Deviation(
                    what=f"what {name} has learnt", stored=theirs, here=ours, cause=Cause.CONDITION, made_here=True
                )
            )
    if whole:
        found += [one for one in conditions(stored, here) if one.what == "largest batch"]
    return tuple(found)


def _crafted(cell: PreparedCell, queries: int | None, progress: Progress) -> tuple[ShardResult, list[int]]:
    """Attacks the first queries, in whole shards.

    Returns:
        The result, and the rows of these queries in the record.
    """
    resources = cell.system.resources
    total = len(resources.queries)
    shards = [rows for rows in cell.shards if queries is None or rows.start < queries]
    found = []
    progress(0, shards[-1].stop, str(cell.cell))
    for rows in shards:
        found.append(run_shard(cell.job, rows, qualities=resources.setting.qualities))
        progress(rows.stop, shards[-1].stop, str(cell.cell))
    return ShardResult.cat(found), list(range(min(shards[-1].stop, total)))


def _scored(
    cell: PreparedCell, result: ShardResult, rows: Sequence[int], stored: StoredCell
) -> tuple[Record, QueryArrays]:
    """The record of the queries that were attacked again, and its arrays."""
    resources = cell.system.resources
    alike = None
    if cell.cell.direction.query == cell.cell.direction.item:
        with foreign(resources.data, "be read"):
            alike = twins(resources.queries, resources.data.database, cache_folder(), resources.progress)
    known = outlined(cell, alike, queries=len(rows))
    return assemble(*known, result, Scale.of(cell.system), stored.reference)


def _names(cell: PreparedCell, rows: Sequence[int]) -> list[str]:
    """The names of some queries, for people."""
    ids = cell.system.resources.queries.ids
    return [f"query {row} ({ids[row]})" for row in rows]
