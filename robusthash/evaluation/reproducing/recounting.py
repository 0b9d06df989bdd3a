"""Checks submitted records by computing: whether their numbers follow from their codes, and can be made again."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from robusthash.adversary import distance_to
from robusthash.contracts import Progress, Space, silent
from robusthash.errors import RobustHashError, UsageError
from robusthash.evaluation.rebuilding.given import Given
from robusthash.evaluation.rebuilding.settings import scoring_settings
from robusthash.evaluation.reproducing.outcome import Verdict
from robusthash.evaluation.reproducing.reproduce import reproduce
from robusthash.evaluation.reproducing.stored import StoredCell, stored_numbers
from robusthash.evaluation.tasks.stored import require_scorable
from robusthash.evaluation.victims.resources import Resources
from robusthash.host import PluginHost
from robusthash.results import ADVERSARIAL, CLEAN, QueryArrays, Record, ResultStore
from robusthash.results.comparing.keys import reference_key
from robusthash.results.gate import State
from robusthash.results.submission.finding import Check, Finding
from robusthash.specs import Distance, Role

_AS_WRITTEN = "submit the files as eval wrote them; robusthash rescore makes records with other metrics"
_TO_REPRODUCE = "robusthash reproduce says more; --data-root and --checkpoint name what a record cannot hold"


def stored_cells(records: Mapping[Path, Record], store: ResultStore) -> Iterator[tuple[Path, StoredCell | Finding]]:
    """Records with what is stored beside them, or what is wrong with that.

    Args:
        records: by file.
        store: the folder that they are in.
    """
    references: dict[Hashable, Record] = {
        (reference_key(one), one.scoring.headline): one for one in records.values() if one.attack.role is Role.REFERENCE
    }
    for where, record in records.items():
        reference = references.get((reference_key(record), record.scoring.headline))
        try:
            yield (
                where,
                StoredCell(
                    record=record,
                    where=str(where),
                    arrays=store.arrays(record),
                    database=store.database(record),
                    reference=None if reference is record else reference,
                ),
            )
        except RobustHashError as error:
            yield where, _finding(Check.ARRAYS, where, error.message, _AS_WRITTEN)


def recount(where: Path, stored: StoredCell, host: PluginHost) -> Iterator[Finding]:
    """Scores the stored codes of a record again, and tells the first number that is another one.

    Args:
        where: its file.
        stored: the record.
        host: the plugins, for its metrics and its retriever.

    Yields:
        A finding if a number differs; an inconclusive one if a metric or the retriever is not installed.
    """
    try:
        resources = _resources(stored.record, host)
    except RobustHashError as error:
        yield _not_here(where, error)
        return
    try:
        problem = _problem(stored, resources)
    except UsageError as error:
        yield _not_here(where, error)
    except RobustHashError as error:
        yield _finding(Check.ARRAYS, where, error.message, _AS_WRITTEN)
    else:
        if problem:
            yield _finding(Check.NUMBERS, where, problem, _AS_WRITTEN)


def made_again(
    where: Path, stored: StoredCell, host: PluginHost, given: Given, queries: int, progress: Progress = silent
) -> Iterator[Finding]:
    """Makes the adversarial inputs of some queries again.

    Args:
        where: file of the record.
        stored: the record.
        host: the plugins.
        given: what the record cannot hold.
        queries: how many of its queries, rounded up to whole shards.
        progress: called with (done, total, what).

    Yields:
        A finding if something differs; an inconclusive one if other conditions may be why, or if something is missing.
    """
    found = reproduce(stored, host, given, queries=queries, progress=progress)
    if found.verdict is not Verdict.SAME:
        state = State.FAIL if found.verdict is Verdict.DIFFERENT else State.INCONCLUSIVE
        yield _finding(Check.REPRODUCTION, where, found.first, _TO_REPRODUCE, state)


def _resources(record: Record, host: PluginHost) -> Resources:
    """What a record is scored with. Of the rest of its settings nothing is needed here, and it need not be installed.

    Raises:
        InputError: a metric or the retriever is not installed, or is another one here.
    """
    return Resources(replace(scoring_settings(record, host), device="cpu"), host, silent, observed=False)


def _problem(stored: StoredCell, resources: Resources) -> str | None:
    """The first that does not follow from the codes; None if all does.

    Raises:
        UsageError: a metric or the retriever is not installed, or a metric is another one here.
        InputError: an array is missing, or does not fit the rest.
    """
    record, protocols = stored.record, stored.record.scoring.protocols
    space = Space(distance=Distance(record.victim.model.distance), size=record.victim.model.size)
    metrics = resources.metrics_for(space)
    other = next((name for name in protocols if protocols[name] != metrics[name].protocol), None)
    if other is not None:
        raise UsageError(f"{other} is {metrics[other].protocol} here, and {protocols[other]} in the record")
    if stored.arrays is None:
        return "it has no arrays"
    require_scorable(record, stored.arrays, stored.database, space)
    items = len(stored.database["packed"])
    if items != record.dataset.database:
        return f"the database has {items} items, and in the record {record.dataset.database}"
    if not _moved(stored.arrays, space):
        return f"{space.distance} is not the distance between the clean and the adversarial codes"
    found = stored_numbers(stored, resources)
    return None if found.equal else found.first


def _moved(arrays: QueryArrays, space: Space) -> bool:
    """Whether the distances between clean and adversarial codes are those of the codes."""
    clean, adversarial = (space.codes(torch.from_numpy(arrays.codes_at(stage))) for stage in (CLEAN, ADVERSARIAL))
    found, stated = distance_to(clean, adversarial, space).numpy(), arrays.column(str(space.distance))
    return stated.shape == found.shape and bool(np.allclose(stated, found, rtol=1e-6, atol=1e-6))


def _not_here(where: Path, error: RobustHashError) -> Finding:
    hint = f"install what the record was scored with, and check again{f' ({error.hint})' if error.hint else ''}"
    return _finding(Check.NUMBERS, where, error.message, hint, State.INCONCLUSIVE)


def _finding(check: Check, where: Path, message: str, hint: str, state: State = State.FAIL) -> Finding:
    return Finding(check=check, where=where, message=message, hint=hint, state=state)
