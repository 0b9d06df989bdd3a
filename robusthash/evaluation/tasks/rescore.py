"""Scores stored codes again, with other metrics or another retriever, without attacking again.

The results folder has all that is needed: the codes of the queries with each record, and those of the database once per
victim. The new record is the one that an evaluation with these metrics would have stored.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from robusthash.contracts import Progress, Space, silent
from robusthash.errors import UsageError
from robusthash.evaluation.planning.request import AUTO, RunSettings
from robusthash.evaluation.running.recording.assemble import now, scored
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.tasks.stored import require_scorable
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Database
from robusthash.files.storage import digest
from robusthash.host import PluginHost, PluginKind
from robusthash.metrics import Relevance
from robusthash.results import Access, QueryArrays, Record, ResultStore
from robusthash.results.comparing.keys import reference_key
from robusthash.specs import Distance, Role, ScoreBy

_MEMBERS = "members"  #: option of an attack's entry that names the members of an ensemble


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
        UsageError: a metric or the retriever is unknown, an option is wrong, or the lists of an index are to be scored
            of an attack that would have ended otherwise with it.
        InputError: arrays are missing or damaged.
        StorageError: a record cannot be written.
    """
    resources = Resources(setting, host, progress)
    store = ResultStore(results)
    used = {PluginKind.METRIC: setting.metrics, PluginKind.RETRIEVER: _retrievers(records, resources)}
    resources.plugins.check_option_owners(used)
    references: dict[Hashable, Record] = {}
    found: dict[str, Record] = {}
    for done, record in enumerate(sorted(records, key=lambda one: one.attack.role is not Role.REFERENCE), start=1):
        new = _asked(record, resources)
        stored = store.find(new.digest)
        if stored is None:
            found_here = store.arrays(record), store.database(record)
            stored, arrays = again(record, new, *found_here, resources, references.get(reference_key(record)))
            store.save(stored, arrays)
        if record.attack.role is Role.REFERENCE:
            references[reference_key(record)] = stored
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
        by=resources.setting.score_by,
    )
    origins = record.origins
    if origins is not None:
        origins = replace(origins, metrics={name: resources.metric_uses[name] for name in metrics})
    new = replace(record, scoring=scoring, origins=origins)
    _require_same_attack(record, new)
    return replace(new, digest=digest(new.identity()))


def _require_same_attack(old: Record, new: Record) -> None:
    """Refuses to score lists of an index on inputs that depend on what was scored, or searched, before.

    Raises:
        UsageError: an evaluation would have attacked with other inputs.
    """
    same = old.scoring.retriever == new.scoring.retriever and old.scoring.by == new.scoring.by
    if same or ScoreBy.RETRIEVER not in (old.scoring.by, new.scoring.by):
        return
    why = None
    if _MEMBERS in old.attack.options:
        why = "keeps the worst of its members' outcomes, by what was scored then"
    elif old.access is Access.QUERIES:
        why = "asked the victim's service, which searched in another index"
    if why:
        raise UsageError(
            f"{old.attack.name} ({old.digest[:12]}) {why}",
            hint="evaluate it with --score-by retriever, or choose others with --attack",
        )


def again(
    old: Record,
    new: Record,
    arrays: QueryArrays,
    stored: Mapping[str, np.ndarray],
    resources: Resources,
    reference: Record | None,
) -> tuple[Record, QueryArrays]:
    """Scores the codes of a stored record.

    Args:
        old: as stored.
        new: the same with the scoring that is wanted.
        arrays: of its queries.
        stored: codes and labels of the database, as :meth:`ResultStore.database` reads them.
        resources: metrics and retriever.
        reference: record of the reference attack on the same victim; None if there is none.

    Returns:
        The record with its scores, and its arrays.

    Raises:
        InputError: something is missing, or does not fit the rest.
    """
    space = _space(old)
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


def _retrievers(records: Sequence[Record], resources: Resources) -> list[object]:
    """The retrievers that are used: full names, or the object that the setting has."""
    if resources.setting.retriever != AUTO:
        return [resources.setting.retriever]
    distances = {_space(record).distance for record in records}
    return [resources.retriever(distance).full_name for distance in distances]
