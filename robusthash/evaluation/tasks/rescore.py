"""Scores stored codes again, with other metrics or another retriever, without attacking again.

The results folder has all that is needed: the codes of the queries with each record, and those of the database once per
victim. The new record is the one that an evaluation with these metrics would have stored.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from robusthash.contracts import Progress, Space, silent
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.running.assemble import now, scored
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.tasks.stored import require_scorable
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Database
from robusthash.files.storage import digest
from robusthash.host import PluginHost, PluginKind
from robusthash.metrics import Relevance
from robusthash.results import QueryArrays, Record, ResultStore
from robusthash.specs import Distance, Role


def rescore(
    records: Sequence[Record],
    setting: RunSettings,
    host: PluginHost,
    *,
    results: Path,
    progress: Progress = silent,
) -> list[Record]:
    """Scores stored records again, and stores the new records.

    Args:
        records: stored records; those of the reference attack are used to check the others.
        setting: metrics, retriever, and their options; other fields are not used.
        host: the plugins.
        results: the results folder.
        progress: called with (done, total, what).

    Returns:
        The new records, those of the reference first. A record that is already stored is reused. Records that differ
        only in what is replaced lead to one new record.

    Raises:
        UsageError: a metric or the retriever is unknown, or an option is wrong.
        InputError: arrays are missing or damaged.
        StorageError: a record cannot be written.
    """
    resources = Resources(setting, host, progress)
    store = ResultStore(results)
    used = {PluginKind.METRIC: setting.metrics, PluginKind.RETRIEVER: _retrievers(records, resources)}
    resources.plugins.check_option_owners(used)
    references: dict[str, Record] = {}
    found: dict[str, Record] = {}
    for done, record in enumerate(sorted(records, key=lambda one: one.attack.role is not Role.REFERENCE), start=1):
        new = _asked(record, resources)
        stored = store.find(new.digest)
        if stored is None:
            stored, arrays = _again(record, new, store, resources, references.get(_place(record)))
            store.save(stored, arrays)
        if record.attack.role is Role.REFERENCE:
            references[_place(record)] = stored
        found[stored.digest] = stored
        progress(done, len(records), "scoring again")
    return list(found.values())


def _asked(record: Record, resources: Resources) -> Record:
    """The record with the new scoring, and the digest that follows from it."""
    space = _space(record)
    metrics = resources.metrics_for(space)
    scoring = replace(
        record.scoring,
        protocols={name: metric.protocol for name, metric in metrics.items()},
        headline=next(iter(metrics)),
        retriever=resources.retriever(space.distance).use,
    )
    origins = record.origins
    if origins is not None:
        origins = replace(origins, metrics={name: resources.metric_uses[name] for name in metrics})
    new = replace(record, scoring=scoring, origins=origins)
    return replace(new, digest=digest(new.identity()))


def _again(
    old: Record, new: Record, store: ResultStore, resources: Resources, reference: Record | None
) -> tuple[Record, QueryArrays]:
    arrays, stored, space = store.arrays(old), store.database(old), _space(old)
    require_scorable(old, arrays, stored, space)
    items = torch.from_numpy(stored["packed"])
    with resources.retriever(space.distance).plugin.index(items, space) as index:
        database = Database(representation=items, labels=torch.from_numpy(stored["labels"]), space=space, index=index)
        scale = Scale(
            database=database,
            metrics=resources.metrics_for(space),
            relevance=Relevance(old.scoring.relevance),
            seed=old.conditions.seed,
        )
        return scored(
            replace(new, created=now()),
            arrays,
            scale,
            reference,
            gradients=old.outcome.cost.backward > 0,
            bounded=old.bounded,
        )


def _space(record: Record) -> Space:
    model = record.victim.model
    return Space(distance=Distance(model.distance), size=model.size)


def _retrievers(records: Sequence[Record], resources: Resources) -> list[str]:
    """Full names of the retrievers that are used."""
    distances = {_space(record).distance for record in records}
    return [resources.retriever(distance).full_name for distance in distances]


def _place(record: Record) -> str:
    """What a record and its reference have in common."""
    defense = record.victim.defense
    return digest(
        {
            "dataset": record.dataset.query_digest,
            "victim": [record.victim.model.digest, defense.name if defense else None, record.victim.direction],
            "radius": str(record.attack.radius.norm) + repr(record.attack.epsilon),
            "seed": record.conditions.seed,
        }
    )
