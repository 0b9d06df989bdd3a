"""Leaves out items with unreadable images; the result of the search is cached."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from robusthash.contracts import DatasetContext, FileImages, Findings, Images, Progress, RetrievalData, Split
from robusthash.errors import DatasetError, StorageError
from robusthash.files.contents import content_digests
from robusthash.files.documents import parse_json
from robusthash.files.storage import write_atomically

_VERSION = "robusthash broken 2"


def without_broken(data: RetrievalData, context: DatasetContext) -> RetrievalData:
    """The data without items whose images cannot be read.

    This decodes every image. The result is cached until the content of a file changes.

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


def broken_findings(data: RetrievalData, progress: Progress, *, left_out: bool) -> Findings:
    """The images that cannot be read: errors, or warnings with their count if they are left out on request.

    Args:
        data: splits with images in files.
        progress: called with (done, total, what).
        left_out: whether :func:`without_broken` leaves them out.
    """
    found, done = Findings(), set[str]()
    for split in (data.query, data.database, data.train):
        if not isinstance(split.images, FileImages):
            continue
        fresh = [position for position, name in enumerate(split.ids) if name not in done]
        done.update(split.ids)
        messages = faults(split.images, fresh, f"reading {split.name}", progress)
        bad = [(position, fault) for position, fault in zip(fresh, messages, strict=True) if fault]
        for position, fault in bad:
            where = split.images.place(position)
            found.add(
                "warning" if left_out else "error",
                split.name,
                "unreadable images",
                where=where,
                what=fault.removeprefix(f"{where}: "),
            )
        if bad and left_out:
            found.left_out(split.name, len(bad), "broken image")
    return found


def faults(images: Images, positions: Sequence[int], what: str, progress: Progress) -> Iterator[str | None]:
    """The fault of each image; None if it can be read.

    Args:
        images: the images of a split.
        positions: of the images to check.
        what: description for the progress.
        progress: called with (done, total, what).
    """

    def fault(position: int) -> str | None:
        try:
            images.read([position])
        except DatasetError as error:
            return error.message
        return None

    with ThreadPoolExecutor() as pool:
        for done, message in enumerate(pool.map(fault, positions), start=1):
            progress(done, len(positions), what)
            yield message


def _broken(images: FileImages, context: DatasetContext, what: str) -> frozenset[int]:
    sha = hashlib.sha256(f"{_VERSION}\n{images.resize} {images.size}".encode())
    for digest in content_digests([images.root / name for name in images.names]):
        sha.update(b"\n" + digest)
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
