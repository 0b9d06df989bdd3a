"""Scores stored codes again, under other metrics or another retriever, without attacking again.

The results folder holds all it takes: the codes of the queries beside each record, and those of the database once for
each victim. What comes out is the record that an evaluation with these metrics would have made.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from robusthash.adversary import anchor_codes
from robusthash.contracts import Space
from robusthash.evaluation.crafting.shards import Arrays
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.running.assemble import Scale, scored
from robusthash.evaluation.scoring.score import Database
from robusthash.evaluation.victims.resources import Resources
from robusthash.hashing import pack, unpack, vote
from robusthash.host import PluginHost
from robusthash.metrics import Relevance
from robusthash.results import NOISE, Record, ResultStore
from robusthash.specs import Goal
from robusthash.storage import digest
from robusthash.training import Progress


def rescore(
    records: Sequence[Record],
    setting: RunSettings,
    host: PluginHost,
    *,
    results: Path,
    progress: Progress = lambda _done, _total, _what: None,
) -> list[Record]:
    """Scores records again, and stores what comes out beside them.

    Args:
        records: stored ones; noise among them is what the others are checked against.
        setting: metrics, retriever, and their options; nothing else of it is used.
        host: the plugins.
        results: the results folder.
        progress: called with (done, total, what).

    Returns:
        The new records, noise first; one that is stored already is taken as it is, and one that several of the given
        records lead to (they differed in what is replaced) is there once.

    Raises:
        UsageError: a metric or the retriever is unknown, or an option is wrong.
        InputError: arrays are missing or damaged.
        StorageError: a record cannot be written.
    """
    resources = Resources(setting, host, progress)
    store = ResultStore(results)
    names = [*setting.metrics, resources.retriever.use.name]
    resources.check_option_owners(names)
    noise: dict[str, Record] = {}
    found: dict[str, Record] = {}
    for done, record in enumerate(sorted(records, key=lambda one: one.attack.name != NOISE), start=1):
        new = replace(record, protocols=resources.protocols, retriever=resources.retriever.use)
        new = replace(new, digest=digest(new.identity()))
        stored = store.find(new.digest)
        if stored is None:
            stored, arrays = _again(record, new, store, resources, noise.get(_place(record)))
            store.save(stored, arrays)
        if record.attack.name == NOISE:
            noise[_place(record)] = stored
        found[stored.digest] = stored
        progress(done, len(records), "scoring again")
    return list(found.values())


def _again(
    old: Record, new: Record, store: ResultStore, resources: Resources, noise: Record | None
) -> tuple[Record, Arrays]:
    arrays, database = store.arrays(old), store.database(old)
    stages = list(old.metrics)
    packed, items = torch.from_numpy(database["packed"]), torch.from_numpy(database["labels"])
    targeted = old.goal == Goal.TARGETED
    space = Space.hamming(old.model.bits)
    scale = Scale(
        database=Database(
            representation=packed,
            labels=items,
            space=space,
            index=resources.retriever_for(space.distance).plugin.index(packed, space),
        ),
        labels=torch.from_numpy(arrays["labels"]),
        targets=torch.from_numpy(arrays["targets"]) if targeted else None,
        anchors=_anchors(unpack(packed, space.size), torch.from_numpy(arrays["anchors"])) if targeted else None,
        metrics=resources.metrics,
        relevance=Relevance(old.relevance),
        seed=old.seed,
    )
    plain = {name: values for name, values in arrays.items() if "/" not in name}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return scored(
        replace(new, created=created), plain, stages, scale, noise, gradients=old.cost.backward > 0, bounded=old.bounded
    )


def _anchors(codes: Tensor, anchors: Tensor) -> Tensor:
    return pack(vote(anchor_codes(anchors, codes)))


def _place(record: Record) -> str:
    """What noise has to share with the record that is checked against it."""
    return digest(
        {
            "dataset": record.dataset.query_digest,
            "victim": [record.model.digest, record.defense.name if record.defense else None],
            "epsilon": record.epsilon,
            "seed": record.seed,
        }
    )
