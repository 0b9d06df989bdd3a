"""Texts in one array of a MATLAB file: copied once into the cache, from which single ones are read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from robusthash.contracts import Inputs, Modality, Progress
from robusthash.files.opening import DAMAGED
from robusthash.files.storage import require_space, temporary_beside
from robusthash_datasets.mat.file import MatFile

_BLOCK = 64 << 20  #: bytes that are read at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class TextCopy:
    """The texts of a file, as (n, d), and their copy in the cache.

    Attributes:
        mat: the file.
        key: name of the array; as h5py has it, (d, n).
        modality: what the texts are; tags are kept in 8 bits, others as float32.
        cache: folder of the copy.
    """

    mat: MatFile
    key: str
    modality: Modality
    cache: Path

    @cached_property
    def count(self) -> int:
        """Number of texts.

        Raises:
            DatasetError: they have another width than they should.
        """
        width, count = self.mat.array(self.key, 2).shape
        if (width,) != self.modality.shape:
            raise self.mat.error(f"{self.key} has {width} columns, not {self.modality.shape[0]}")
        return int(count)

    @property
    def path(self) -> Path:
        """Of the copy."""
        told = f"robusthash mat texts 1 {self.mat.digest} {self.key} {self.modality}"
        return self.cache / "datasets" / f"texts-{hashlib.sha256(told.encode()).hexdigest()[:32]}.npy"

    def fill(self, progress: Progress) -> None:
        """Makes the copy, whole or not at all, unless it is there.

        Args:
            progress: called with (done, total, what) after each block.

        Raises:
            DatasetError: the file is damaged, or a value is not what the modality says.
            StorageError: the cache has no room, or cannot be written.
        """
        if self._mapped() is not None:
            return
        shape, kind = (self.count, *self.modality.shape), np.dtype(np.uint8 if self._tags else np.float32)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        require_space(self.path.parent, int(np.prod(shape)) * kind.itemsize, "the texts")
        step = max(1, _BLOCK // (8 * shape[1]))
        with temporary_beside(self.path) as place:
            copy = open_memmap(place, mode="w+", dtype=kind, shape=shape)
            for start in range(0, self.count, step):
                stop = min(start + step, self.count)
                copy[start:stop] = self._checked(start, stop).astype(kind)
                progress(stop, self.count, "copying texts")
            copy.flush()
            place.replace(self.path)

    def read(self, rows: Sequence[int]) -> np.ndarray:
        """Texts (n, d) float32 at some rows."""
        found = self._mapped()
        chosen = np.asarray(rows, dtype=np.int64)
        if found is None:  # the cache was emptied meanwhile
            parts = [self._checked(int(row), int(row) + 1) for row in chosen]
            return np.concatenate([*parts, np.empty((0, *self.modality.shape))]).astype(np.float32)
        return found[chosen].astype(np.float32)

    @property
    def _tags(self) -> bool:
        return self.modality.tags

    def _mapped(self) -> np.ndarray | None:
        try:
            found: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except DAMAGED:
            return None
        return found if found.shape == (self.count, *self.modality.shape) else None

    def _checked(self, start: int, stop: int) -> np.ndarray:
        values = self.mat.read(self.key, (slice(None), slice(start, stop))).T
        low, high = self.modality.box.low, self.modality.box.high
        wrong = (values != low) & (values != high) if self._tags else ~((values >= low) & (values <= high))
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            wanted = f"neither {low:g} nor {high:g}" if self._tags else f"outside [{low:g}, {high:g}]"
            raise self.mat.error(
                f"{self.key} of item {start + row}, column {column}: {values[row, column]} is {wanted}"
            )
        return values


class MatTexts(Inputs):
    """Consecutive texts of a file.

    Args:
        copy: all texts of the file.
        rows: of the texts.
    """

    def __init__(self, copy: TextCopy, rows: range) -> None:
        self._copy = copy
        self._rows = rows

    @property
    def modality(self) -> Modality:  # noqa: D102 - as in the base class
        return self._copy.modality

    def __len__(self) -> int:
        return len(self._rows)

    def inputs(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        return torch.from_numpy(self._copy.read([self._rows[index] for index in indices]))

    def identity(self) -> bytes:
        """SHA-256 over the content of the file, the array, its meaning, and the rows."""
        copy = self._copy
        return hashlib.sha256(f"{copy.mat.digest} {copy.key} {copy.modality} {self._rows}".encode()).digest()
