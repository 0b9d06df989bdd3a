"""Checks every dataset for faults that make results wrong: one pass over its images, whoever wrote it."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from robusthash.contracts import IMAGE, DatasetContext, FileImages, Finding, Findings, Images, RetrievalData, Split
from robusthash.contracts.data.findings import Level
from robusthash.evaluation.inspecting.counts import (
    DataCounts,
    SplitCounts,
    class_range,
    file_sizes,
    plain_counts,
    repeated,
)
from robusthash.evaluation.inspecting.pixels import read_each
from robusthash.metrics import Relevance, relevant_counts

_WHY_LABELS = {
    "query": "it has no relevant items, which caps the mean average precision",
    "database": "it is relevant to no query",
    "train": "it has no similar items",
}


def inspect(data: RetrievalData, context: DatasetContext) -> tuple[list[Finding], DataCounts]:
    """Checks loaded splits, and counts what is in them.

    Args:
        data: the splits.
        context: its progress is called while images are read.

    Returns:
        The findings, and the counts.
    """
    found = Findings()
    splits = (data.query, data.database, data.train)
    for split in splits:
        _repeated_ids(split, found)
        _unlabelled(split, found)
    _overlaps(data, found)
    nothing = _nothing_to_find(data, found)
    own = _only_own_targets(data, found)
    pixels = {split.name: _read(split, found, context) for split in (data.query, data.database)}
    # Most train items are database items, by their ids: these are read once, and counted once if they are bad.
    known = dict(zip(data.database.ids, pixels["database"], strict=True)) if pixels["database"] else {}
    pixels["train"] = _read(data.train, found, context, known)
    _same_pixels(data, pixels, found)
    database = {digest for digest in pixels["database"] if digest}
    counts: dict[str, SplitCounts] = {}
    for split in splits:
        own_pixels = pixels[split.name]
        counts[split.name] = replace(
            plain_counts(split),
            sizes=file_sizes(split),
            duplicates=repeated(own_pixels),
            in_database=None if split is data.database else sum(digest in database for digest in own_pixels),
            unreadable=sum(not digest for digest in own_pixels),
        )
    rarest, commonest = class_range(data)
    return found.all(), DataCounts(
        classes=len(data.classes),
        splits=counts,
        smallest_class=rarest,
        largest_class=commonest,
        nothing_to_find=nothing,
        only_own_targets=own,
    )


def place(split: Split, position: int) -> str:
    """The place of an item, for messages: the line that names it, its file, or split and id."""
    images = split.views.get(IMAGE)
    files = getattr(images, "files", images)
    if isinstance(files, FileImages):
        return files.place(position)
    return f"{split.name}, item {split.ids[position]}"


def _repeated_ids(split: Split, found: Findings) -> None:
    # A duplicate in train has double weight; one among queries or in the database changes every score.
    level: Level = "warning" if split.name == "train" else "error"
    first: dict[str, int] = {}
    for position, name in enumerate(split.ids):
        earlier = first.setdefault(name, position)
        if earlier != position:
            what = f"{name} is a duplicate in the {split.name} split, first: {place(split, earlier)}"
            found.add(level, split.name, "repeated items", where=place(split, position), what=what)


def _unlabelled(split: Split, found: Findings) -> None:
    for position in (split.labels.sum(1) == 0).nonzero()[:, 0].tolist():
        what = f"{split.ids[position]} has no label: {_WHY_LABELS[split.name]}"
        found.add("warning", split.name, "items without a label", where=place(split, position), what=what)


def _overlaps(data: RetrievalData, found: Findings) -> None:
    database, train, query = (
        {name: i for i, name in enumerate(s.ids)} for s in (data.database, data.train, data.query)
    )
    for position, name in enumerate(data.query.ids):
        for other, split in ((database, data.database), (train, data.train)):
            if name in other:
                what = f"query {name} is also in the {split.name} split: {place(split, other[name])}"
                kind = f"queries in the {split.name} split"
                found.add("error", "query", kind, where=place(data.query, position), what=what)
    outside = [position for name, position in train.items() if name not in database and name not in query]
    for position in outside:
        what = f"{data.train.ids[position]} is not in the database"
        found.add("warning", "train", "train items outside the database", where=place(data.train, position), what=what)


def _nothing_to_find(data: RetrievalData, found: Findings) -> int:
    relevant = relevant_counts(data.query.labels, data.database.labels, relevance=Relevance.SHARE_ANY)
    lost = np.flatnonzero(relevant == 0).tolist()
    for position in lost:
        if data.query.labels[position].any():  # an unlabelled query is told as such
            what = f"query {data.query.ids[position]} has nothing to find: no database item has a label of it"
            found.add("warning", "query", "queries with nothing to find", where=place(data.query, position), what=what)
    return len(lost)


def _only_own_targets(data: RetrievalData, found: Findings) -> int:
    vectors = np.unique(data.database.labels.numpy(), axis=0)
    vectors = vectors[vectors.any(1)]
    own = relevant_counts(data.query.labels, vectors, relevance=Relevance.SHARE_ANY) == len(vectors)
    count = int(own.sum()) if len(vectors) else 0
    if count:
        what = (
            f"{count} of {len(own)} queries share a label with every labelled database item: a targeted attack has no "
            "other target than their own label, and reaches it at once"
        )
        found.add("warning", "query", "queries without another target", where="query", what=what)
    return count


def _read(
    split: Split, found: Findings, context: DatasetContext, known: Mapping[str, bytes] = MappingProxyType({})
) -> list[bytes]:
    """The digest of each item's pixels, some by their ids; empty for those that cannot be read. None without images."""
    images = split.views.get(IMAGE)
    if not isinstance(images, Images):
        return []
    digests = [known.get(name, b"") for name in split.ids]
    fresh = [position for position, name in enumerate(split.ids) if name not in known]
    for done, (position, digest, fault) in enumerate(read_each(images, fresh), start=1):
        digests[position] = digest
        if fault is not None:
            where = place(split, position)
            what = fault.removeprefix(f"{where}: ")
            found.add("error", split.name, "unreadable images", where=where, what=what)
        if done % 64 == 0 or done == len(fresh):
            context.progress(done, len(fresh), f"reading the {split.name} split")
    return digests


def _same_pixels(data: RetrievalData, pixels: dict[str, list[bytes]], found: Findings) -> None:
    for split, other in ((data.query, data.database), (data.query, data.train)):
        first: dict[bytes, int] = {}
        for position, digest in enumerate(pixels[other.name]):
            first.setdefault(digest, position)
        names = set(other.ids)
        for position, digest in enumerate(pixels[split.name]):
            if digest and digest in first and split.ids[position] not in names:
                what = (
                    f"query {split.ids[position]} has the pixels of {place(other, first[digest])}, in the {other.name}"
                )
                kind = f"queries with the pixels of a {other.name} item"
                found.add("warning", "query", kind, where=place(split, position), what=what)
    for split in (data.query, data.database):
        known: dict[bytes, int] = {}
        for position, digest in enumerate(pixels[split.name]):
            earlier = known.setdefault(digest, position)
            if digest and earlier != position and split.ids[earlier] != split.ids[position]:
                what = f"{split.ids[position]} has the pixels of {place(split, earlier)}"
                kind = "items with the pixels of an earlier one"
                found.add("warning", split.name, kind, where=place(split, position), what=what)
