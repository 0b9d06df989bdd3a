"""A cache of parsed list files: labels as bits, under the digest of the files."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robusthash.errors import StorageError
from robusthash.files.opening import DAMAGED
from robusthash.files.storage import write_atomically

_VERSION = "robusthash listing 1"  #: changes with the content of the cache


def read(cache: Path, digests: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray] | None:
    """Reads cached list files.

    Args:
        cache: the cache folder.
        digests: SHA-256 of the files.

    Returns:
        Paths, and (n, classes) uint8 labels; None if they are not cached, or the cache is damaged.
    """
    try:
        with _file(cache, digests).open("rb") as file, np.load(file) as kept:
            paths = tuple(kept["paths"].tobytes().decode().split("\n"))
            labels = np.unpackbits(kept["packed"], axis=1, count=int(kept["classes"]))
    except DAMAGED:
        return None  # the files are parsed again
    return (paths, labels) if len(paths) == len(labels) else None


def write(cache: Path, digests: Sequence[str], paths: Sequence[str], labels: np.ndarray) -> bool:
    """Caches parsed list files.

    Args:
        cache: the cache folder.
        digests: SHA-256 of the files.
        paths: of the images.
        labels: (n, classes) uint8, zeros and ones.

    Returns:
        Whether it was written: without a cache, the files are only parsed again.
    """
    content = io.BytesIO()
    text = np.frombuffer("\n".join(paths).encode(), dtype=np.uint8)
    np.savez(content, paths=text, packed=np.packbits(labels, axis=1), classes=np.int64(labels.shape[1]))
    try:
        write_atomically(_file(cache, digests), content.getvalue())
    except StorageError:
        return False
    return True


def _file(cache: Path, digests: Sequence[str]) -> Path:
    name = hashlib.sha256("\n".join([_VERSION, *digests]).encode()).hexdigest()
    return cache / "lists" / f"{name}.npz"
