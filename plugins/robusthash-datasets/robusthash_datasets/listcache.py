"""List files in a form that is read at once: labels as bits, under the digest of the files."""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robusthash.errors import StorageError
from robusthash.storage import write_atomically

_VERSION = "robusthash listing 1"  #: changes with what is made of the files


def read(cache: Path, digests: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray] | None:
    """What was kept of list files.

    Args:
        cache: the cache folder.
        digests: SHA-256 of the files.

    Returns:
        Paths, and (n, classes) uint8 labels; None if there is nothing, or nothing of use.
    """
    try:
        with _file(cache, digests).open("rb") as file, np.load(file) as kept:
            paths = tuple(kept["paths"].tobytes().decode().split("\n"))
            labels = np.unpackbits(kept["packed"], axis=1, count=int(kept["classes"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # the files are there to be read again
    return (paths, labels) if len(paths) == len(labels) else None


def write(cache: Path, digests: Sequence[str], paths: Sequence[str], labels: np.ndarray) -> bool:
    """Keeps what list files say.

    Args:
        cache: the cache folder.
        digests: SHA-256 of the files.
        paths: of the images.
        labels: (n, classes) uint8, zeros and ones.

    Returns:
        Whether it could be kept: a cache that cannot be written costs time, and nothing else.
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
