"""Recounts stored records: whether their numbers are what their stored codes come to. Nothing is stored."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from robusthash.adversary import distance_to
from robusthash.contracts import Space
from robusthash.errors import InputError, UsageError
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.running.assemble import scored
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.tasks.stored import require_scorable
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Database
from robusthash.host import PluginHost
from robusthash.metrics import Relevance
from robusthash.results import ADVERSARIAL, CLEAN, Against, Measure, QueryArrays, Record, ResultStore
from robusthash.results.comparing.keys import reference_key
from robusthash.results.gate import State
from robusthash.results.submission.arrays import differ
from robusthash.results.submission.finding import Check, Finding
from robusthash.specs import Distance, Role

_RETRIEVER = "torch"  #: exact, and there wherever robusthash is
_HINT = "submit the files as eval wrote them; robusthash rescore makes records with other metrics"


def recount(records: Mapping[Path, Record], store: ResultStore, host: PluginHost) -> Iterator[Finding]:
    """Scores the stored codes of records again, and compares all that follows from them.

    Args:
        records: by file.
        store: the folder that they are in, with their arrays.
        host: the plugins, for metrics that are not the core's.

    Yields:
        A finding for each record, the first that differs; inconclusive if a metric is not installed.
    """
    references: dict[object, Record] = {}
    ordered = sorted(records.items(), key=lambda one: one[1].attack.role is not Role.REFERENCE)
    for where, record in ordered:
        if record.attack.role is Role.REFERENCE:
            references[reference_key(record)] = record
        try:
            problem = _recounted(record, store, host, references.get(reference_key(record)))
        except InputError as error:
            yield Finding(check=Check.ARRAYS, where=where, message=error.message, hint=_HINT)
        except UsageError as error:
            hint = "install the plugin that has it, and check again"
            yield Finding(check=Check.NUMBERS, where=where, message=error.message, hint=hint, state=State.INCONCLUSIVE)
        else:
            if problem:
                yield Finding(check=Check.NUMBERS, where=where, message=problem, hint=_HINT)


def _recounted(record: Record, store: ResultStore, host: PluginHost, reference: Record | None) -> str | None:
    """The first number that is not what the codes come to; None if all are.

    Raises:
        InputError: the arrays are missing, damaged, or do not fit.
        UsageError: a metric is not installed, or is another one here.
    """
    model, scoring = record.victim.model, record.scoring
    space = Space(distance=Distance(model.distance), size=model.size)
    names = (scoring.headline, *(name for name in scoring.protocols if name != scoring.headline))
    resources = Resources(RunSettings(metrics=names, retriever=_RETRIEVER, device="cpu"), host, lambda *_: None)
    metrics = resources.metrics_for(space)
    other = next((name for name, metric in metrics.items() if scoring.protocols.get(name) != metric.protocol), None)
    if other is not None:
        raise UsageError(f"{other} is {metrics[other].protocol} here, and {scoring.protocols.get(other)} in the record")
    arrays, stored = store.arrays(record), store.database(record)
    require_scorable(record, arrays, stored, space)
    items = torch.from_numpy(stored["packed"])
    if len(items) != record.dataset.database:
        return f"the database has {len(items)} items, and in the record {record.dataset.database}"
    with resources.retriever(space.distance).plugin.index(items, space) as index:
        database = Database(representation=items, labels=torch.from_numpy(stored["labels"]), space=space, index=index)
        relevance, seed = Relevance(scoring.relevance), record.conditions.seed
        scale = Scale(database=database, metrics=metrics, relevance=relevance, seed=seed)
        gradients, bounded = record.outcome.cost.backward > 0, record.bounded
        again, counted = scored(record, arrays, scale, reference, gradients=gradients, bounded=bounded)
    problems = (
        *_moved(arrays, space),
        *_measures(record, again),
        *_scores(arrays, counted),
        *_others(record, again),
    )
    return problems[0] if problems else None


def _moved(arrays: QueryArrays, space: Space) -> Iterator[str]:
    """The distances between clean and adversarial codes."""
    clean, adversarial = (space.codes(torch.from_numpy(arrays.codes_at(stage))) for stage in (CLEAN, ADVERSARIAL))
    found, stated = distance_to(clean, adversarial, space).numpy(), arrays.column(str(space.distance))
    if not _alike(stated, found):
        yield f"{space.distance} is not the distance between the clean and the adversarial codes"


def _measures(record: Record, again: Record) -> Iterator[str]:
    for stage, found in again.outcome.metrics.items():
        stated = record.outcome.metrics.get(stage, {})
        for against, measures in found.items():
            for name, measure in measures.items():
                own = stated.get(against, {}).get(name)
                yield from _measure(f"{against.qualify(name)} of the {stage} queries", own, measure)
    extra = [stage for stage in record.outcome.metrics if set(_names(record, stage)) - set(_names(again, stage))]
    if extra:
        yield f"the record has numbers of the {extra[0]} queries that no metric of it gives"


def _names(record: Record, stage: str) -> Iterator[tuple[Against, str]]:
    yield from ((against, name) for against, one in record.outcome.metrics.get(stage, {}).items() for name in one)


def _measure(what: str, stated: Measure | None, found: Measure) -> Iterator[str]:
    if stated is None:
        yield f"{what} is missing, and the stored codes give {found.value:.4f}"
        return
    for part in ("value", "low", "high", "worst", "best"):
        own, counted = getattr(stated, part), getattr(found, part)
        if differ(own, counted):
            told = what if part == "value" else f"{part} of {what}"
            yield f"{told} is {own:.4f} in the record, and the stored codes give {counted:.4f}"
            return


def _scores(arrays: QueryArrays, counted: QueryArrays) -> Iterator[str]:
    for key, found in counted.scores.items():
        stated = arrays.scores.get(key)
        if stated is None or not _alike(stated, found):
            yield f"{key.stored} is not what the stored codes give, query by query"


def _others(record: Record, again: Record) -> Iterator[str]:
    """Floors, and failed soundness checks."""
    for against, floors in again.outcome.floors.items():
        for name, found in floors.items():
            stated = record.outcome.floors.get(against, {}).get(name)
            if stated is None or differ(stated, found):
                told = "missing" if stated is None else f"{stated:.4f} in the record"
                yield f"the floor {against.qualify(name)} is {told}, and the stored codes give {found:.4f}"
    missing = {flag.id for flag in again.outcome.flags} - {flag.id for flag in record.outcome.flags}
    if missing:
        yield f"the record does not have the flag {min(missing)}, which its numbers raise"


def _alike(stated: np.ndarray, found: np.ndarray) -> bool:
    return stated.shape == found.shape and bool(np.allclose(stated, found, rtol=1e-6, atol=1e-6))
