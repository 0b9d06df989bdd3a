"""Leaves out items with unreadable images; the result of the search is cached."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from robusthash.contracts import DatasetContext, FileImages, RetrievalData, Split
from robusthash.documents import parse_json
from robusthash.errors import DatasetError, StorageError
from robusthash.storage import write_atomically
from robusthash_datasets.verification import faults

_VERSION = "robusthash broken 1"


def without_broken(data: RetrievalData, context: DatasetContext) -> RetrievalData:
    """The data without items whose images cannot be read.

    This decodes every image. The result is cached until a file's size or modification time changes.

    Args:
        data: splits with images in files.
        context: cache folder and progress callback.

    Raises:
        DatasetError: a split is empty.
    """
    splits: dict[str, Any] = {}
    for name in ("query", "database", "train"):
        split: Split = getattr(data, name)
        if not isinstance(split.images, FileImages):
            continue
        bad = _broken(split.images, context, name)
        if len(bad) == len(split):
            raise DatasetError(
                f"no image of the {name} split can be read: {split.images.root}", hint="check the folder"
            )
        if bad:
            kept = [position for position in range(len(split)) if position not in bad]
            splits[name] = Split.of_images(
                name=name,
                images=split.images.take(kept),
                labels=split.labels[kept],
                ids=tuple(split.ids[position] for position in kept),
            )
    return replace(data, **splits) if splits else data


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file's last change, in nanoseconds; (0, 0) if there is none."""
    try:
        state = path.stat()
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _broken(images: FileImages, context: DatasetContext, what: str) -> frozenset[int]:
    sha = hashlib.sha256(f"{_VERSION}\n{images.root.resolve()}".encode())
    for name in images.names:
        sha.update(f"{name}\n{stamp(images.root / name)}".encode())
    file = context.cache / "broken" / f"{sha.hexdigest()}.json"
    try:
        return frozenset(parse_json(file.read_bytes(), list[int]))
    except (OSError, ValueError):
        positions = range(len(images))  # not cached, or damaged
    messages = faults(images, positions, f"looking for broken images, {what}", context.progress)
    bad = frozenset(position for position, fault in zip(positions, messages, strict=True) if fault)
    try:
        write_atomically(file, json.dumps(sorted(bad)).encode())
    except StorageError:
        return bad  # without a cache, the search is only repeated
    return bad
