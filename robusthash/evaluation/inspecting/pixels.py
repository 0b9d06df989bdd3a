"""Images told apart by their pixels: a digest of each, and the database items that queries are copies of."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from robusthash.contracts import IMAGE, ArrayImages, Images, Progress, Split
from robusthash.errors import DatasetError, StorageError
from robusthash.files.opening import DAMAGED, open_file
from robusthash.files.storage import digest, write_atomically

Digests = npt.NDArray[np.uint8]  #: (n, 16), BLAKE2b of each image's pixels

_VERSION = "robusthash pixels 1"
_WIDTH = 16  #: bytes; two of 2^32 images have the same digest by chance with a probability of 2^-65
_CHUNK = 128  #: images that are read at a time
#: bytes of pixels up to which images in memory are digested again: that is faster than a file that keeps the digests
_SMALL = 64 << 20


def twins(queries: Split, database: Split, cache: Path, progress: Progress) -> npt.NDArray[np.int64] | None:
    """The database item with exactly the pixels of each query.

    Every image of the database is read once; its digest is cached for as long as the split stays as it is.

    Args:
        queries: the queries of a run.
        database: the items that are searched.
        cache: the cache folder.
        progress: called with (done, total, what).

    Returns:
        (queries,) int64, the first such position in the database, -1 for none; None if not both splits have images.

    Raises:
        DatasetError: an image cannot be read.
    """
    if not all(isinstance(split.views.get(IMAGE), Images) for split in (queries, database)):
        return None
    if queries.images.size != database.images.size:
        return np.full(len(queries), -1, dtype=np.int64)
    first: dict[bytes, int] = {}
    for position, row in enumerate(pixel_digests(database, cache, progress)):
        first.setdefault(row.tobytes(), position)
    own = pixel_digests(queries, cache, progress)
    return np.array([first.get(row.tobytes(), -1) for row in own], dtype=np.int64)


def pixel_digests(split: Split, cache: Path, progress: Progress) -> Digests:
    """The digest of each image of a split.

    Args:
        split: with images.
        cache: the cache folder.
        progress: called with (done, total, what).

    Returns:
        (n, 16) uint8.

    Raises:
        DatasetError: an image cannot be read.
    """
    images = split.images
    if isinstance(images, ArrayImages) and images.array.nbytes <= _SMALL:
        return _of(images.array)
    name = digest({"version": _VERSION, "split": split.digest, "size": list(images.size)})
    file = cache / "pixels" / f"{name[:32]}.npy"
    known = _kept(file, len(split))
    if known is not None:
        return known
    parts = []
    for start in range(0, len(split), _CHUNK):
        stop = min(start + _CHUNK, len(split))
        parts.append(_of(images.read(range(start, stop))))
        progress(stop, len(split), f"comparing the {split.name} split's pixels")
    found = np.concatenate(parts) if parts else np.empty((0, _WIDTH), dtype=np.uint8)
    content = io.BytesIO()
    np.save(content, found)
    try:
        write_atomically(file, content.getvalue())
    except StorageError:
        return found  # without a cache, the images are only read again
    return found


def read_each(images: Images, positions: Sequence[int]) -> Iterator[tuple[int, bytes, str | None]]:
    """Reads images one after the other, in chunks, and goes on after one that cannot be read.

    Args:
        images: of a split.
        positions: of those to read.

    Yields:
        Position, digest of the pixels, and the fault if it cannot be read; then the digest is empty.
    """
    for start in range(0, len(positions), _CHUNK):
        chunk = list(positions[start : start + _CHUNK])
        try:
            rows = _of(images.read(chunk))
        except DatasetError:
            with ThreadPoolExecutor() as pool:
                yield from pool.map(lambda position: _one(images, position), chunk)
        else:
            yield from ((position, row.tobytes(), None) for position, row in zip(chunk, rows, strict=True))


def _one(images: Images, position: int) -> tuple[int, bytes, str | None]:
    try:
        return position, _of(images.read([position]))[0].tobytes(), None
    except DatasetError as error:
        return position, b"", error.message


def _of(images: Tensor) -> Digests:
    rows = np.ascontiguousarray(images.numpy())
    found = b"".join(hashlib.blake2b(row.data, digest_size=_WIDTH).digest() for row in rows)
    return np.frombuffer(found, dtype=np.uint8).reshape(len(rows), _WIDTH)


def _kept(file: Path, count: int) -> Digests | None:
    try:
        with open_file(file) as opened:
            found: Digests = np.load(opened, allow_pickle=False)
    except DAMAGED:
        return None  # not cached, or damaged: the images are read again
    return found if found.shape == (count, _WIDTH) and found.dtype == np.uint8 else None
