"""The images of a MATLAB file, copied one after the other to a plain file in the cache.

In the MATLAB files of the literature the images are the last axis, so reading one image reads the whole file. The copy
starts with the first image; a note stores the number of copied images and the digest of the file's content.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from robusthash.contracts import Progress
from robusthash.errors import DatasetError, StorageError
from robusthash.files.documents import parse_json
from robusthash.files.storage import write_atomically
from robusthash_datasets.images.room import require_room
from robusthash_datasets.mat.file import MatFile

_VERSION = "robusthash mat copy 2"


class Source(Protocol):
    """Images of a file, as in :class:`~robusthash_datasets.mat.images.Stack`."""

    @property
    def mat(self) -> MatFile:
        """The file."""

    @property
    def axes(self) -> tuple[int, int, int, int]:
        """Its axes."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, channels, height and width."""

    def blocks(self, start: int, stop: int) -> Iterable[range]:
        """Runs of images that fit into memory."""

    def read(self, rows: range) -> np.ndarray:
        """Consecutive images."""


@dataclass(frozen=True, kw_only=True)
class _Note:
    """What is known of a copy.

    Attributes:
        content: digest of the file that was copied.
        count: number of copied images.
        file: that was copied.
    """

    content: str
    count: int
    file: str


class PixelCopy:
    """Copies of the first images of a file.

    Args:
        source: the images.
        cache: the cache folder.
    """

    def __init__(self, source: Source, cache: Path) -> None:
        name = f"{_VERSION}\n{source.mat.file.resolve()}\n{source.axes} {source.shape}"
        place = cache / "decoded" / hashlib.sha256(name.encode()).hexdigest()
        self._pixels, self._note = place.with_suffix(".pixels"), place.with_suffix(".json")
        self._source = source
        self._mapped: np.memmap | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_mapped": None}

    def count(self) -> int:
        """Number of first images that are copied and current."""
        shape = self._source.shape
        try:
            note = parse_json(self._note.read_bytes(), _Note)
            whole = note.content == self._source.mat.digest
            whole = whole and self._pixels.stat().st_size >= note.count * int(np.prod(shape[1:]))
            return min(max(note.count, 0), shape[0]) if whole else 0
        except (OSError, ValueError):
            return 0  # not copied yet, or damaged

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Reads copied images.

        Args:
            rows: of the images, each less than :meth:`count`.

        Returns:
            (n, 3, h, w) uint8.
        """
        if self._mapped is None or int(rows.max()) >= len(self._mapped):
            shape = (self.count(), *self._source.shape[1:])
            self._mapped = np.memmap(self._pixels, dtype=np.uint8, mode="r", shape=shape)
        return np.array(self._mapped[rows])

    def fill(self, count: int, progress: Progress) -> int:
        """Copies the missing ones of the first images.

        Args:
            count: number of first images to have.
            progress: called with (done, total, what).

        Returns:
            The number of copied images.

        Raises:
            DatasetError: the file is damaged, or the cache has no space.
        """
        done, item = self.count(), int(np.prod(self._source.shape[1:]))
        if done >= count:
            return 0
        hint = (
            "free space, choose another cache with ROBUSTHASH_CACHE, or set the option decoded to query-train or none"
        )
        try:
            self._pixels.parent.mkdir(parents=True, exist_ok=True)
            there = self._pixels.stat().st_size if self._pixels.is_file() else 0
            # Checked before hours of copying, and before the disk is full.
            require_room(self._pixels.parent, count * item - there)
            # The note is written first: a half-written copy must not be taken for one of an earlier file.
            self._write_note(done)
            with self._pixels.open("r+b" if there else "w+b") as file:
                for rows in self._source.blocks(done, count):
                    pixels = self._source.read(rows)
                    file.seek(rows.start * item)
                    file.write(pixels.data)
                    file.flush()
                    os.fsync(file.fileno())
                    self._write_note(rows.stop)
                    progress(rows.stop, count, "unpacking images")
        except (OSError, StorageError) as error:
            raise DatasetError(f"cannot store images in {self._pixels.parent}: {error}", hint=hint) from error
        return count - done

    def _write_note(self, count: int) -> None:
        note = {"content": self._source.mat.digest, "count": count, "file": str(self._source.mat.file.resolve())}
        write_atomically(self._note, json.dumps(note).encode())
