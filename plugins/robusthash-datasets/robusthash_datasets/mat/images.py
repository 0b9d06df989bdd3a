"""Images in one array of a MATLAB file, read in slices."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Images
from robusthash_datasets.mat.copies import PixelCopy
from robusthash_datasets.mat.file import Index, MatFile

_BLOCK = 256 << 20  #: bytes of images that are read at a time
_MOST = 1 << 30  #: the same for files compressed in chunks of many images, to decompress each chunk only once
_BAND = 4 << 20  #: bytes that are transposed at a time, which fit into the processor's cache


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """The images of a file, as (n, 3, h, w).

    Attributes:
        mat: the file.
        key: name of the array.
        axes: the axes of the array, as read by h5py, that are images, channels, rows and columns.
    """

    mat: MatFile
    key: str
    axes: tuple[int, int, int, int]

    @cached_property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, 3, height and width.

        Raises:
            DatasetError: with these axes, they are not square RGB images.
        """
        whole = self.mat.array(self.key, 4).shape
        count, channels, height, width = (int(whole[axis]) for axis in self.axes)
        if channels != 3 or height != width or min(whole) < 1:
            raise self.mat.error(
                f"{self.key} is {tuple(whole)}, so that axes {self.axes} give {count} images of {channels} channels "
                f"and {height} x {width} pixels, not of 3 channels and square"
            )
        return count, channels, height, width

    @cached_property
    def pieces(self) -> tuple[int, int, int, int] | None:
        """Images, channels, rows and columns of the file's compressed chunks; None if it has none."""
        pieces = self.mat.array(self.key, 4).chunks
        if pieces is None:
            return None
        images, channels, rows, columns = (int(pieces[axis]) for axis in self.axes)
        return images, channels, rows, columns

    def blocks(self, start: int, stop: int) -> Iterator[range]:
        """Runs of images that fit into memory, aligned with the file's chunks.

        Args:
            start: the first image.
            stop: the one after the last.
        """
        count, channels, height, width = self.shape
        item = channels * height * width
        step = max(1, _BLOCK // item)
        if self.pieces is not None:
            piece = self.pieces[0]
            step = max(piece, step // piece * piece) if piece * item <= _MOST else max(1, _MOST // item)
        for first in range(start, stop, step):
            yield range(first, min(first + step, stop, count))

    def read(self, rows: range) -> np.ndarray:
        """Reads consecutive images.

        Args:
            rows: of the images.

        Returns:
            (n, 3, h, w) uint8.

        Raises:
            DatasetError: that part of the file is damaged, or its values are not 0 to 255.
        """
        _, channels, height, width = self.shape
        pixels = np.empty((len(rows), channels, height, width), dtype=np.uint8)
        piece = 1 if self.pieces is None else self.pieces[2]
        band = max(1, _BAND // max(1, len(rows) * channels * width) // piece) * piece
        for first in range(0, height, band):
            last = min(first + band, height)
            part = self._part({0: slice(rows.start, rows.stop), 2: slice(first, last)})
            pixels[:, :, first:last] = part.transpose(self.axes)
        return pixels

    def _part(self, chosen: dict[int, slice | int]) -> np.ndarray:
        index: Index = tuple(chosen.get(self.axes.index(axis), slice(None)) for axis in range(4))
        values = self.mat.read(self.key, index)
        if values.dtype == np.uint8:
            return values
        with np.errstate(invalid="ignore"):
            small = values.astype(np.uint8)
        if not np.array_equal(small, values):
            raise self.mat.error(f"{self.key} is {values.dtype}, and not all of it are whole numbers from 0 to 255")
        return small


class MatImages(Images):
    """Consecutive images of a stack.

    Args:
        stack: all images of the file.
        rows: of the images.
        copy: their unpacked copy, if there is one.
        size: height and width that they are resized to, in pixels; None does not resize.
    """

    def __init__(self, stack: Stack, rows: range, *, copy: PixelCopy | None = None, size: int | None = None) -> None:
        self._stack = stack
        self._rows = rows
        self._copy = copy
        self._own = stack.shape[2:]
        self.size = self._own if size is None else (size, size)

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        rows = np.array([self._rows[index] for index in indices], dtype=np.int64)
        if self._copy is not None and len(rows) and int(rows.max()) < self._copy.count():
            pixels = torch.from_numpy(self._copy.read(rows))
        else:
            pixels = torch.from_numpy(self._from_file(rows))
        if self.size == self._own or not len(rows):
            return pixels if self.size == self._own else torch.empty((0, 3, *self.size), dtype=torch.uint8)
        from torchvision.transforms.v2 import functional  # slow to import, and few need it

        resized: Tensor = functional.resize(pixels, list(self.size), antialias=True)
        return resized

    def identity(self) -> bytes:
        """SHA-256 over the content of the file, the array, its axes, the rows, and the size."""
        stack = self._stack
        what = f"{stack.mat.digest} {stack.key} {stack.axes} {self._rows} {self._own} to {self.size}"
        return hashlib.sha256(what.encode()).digest()

    def _from_file(self, rows: np.ndarray) -> np.ndarray:
        pixels = np.empty((len(rows), 3, *self._own), dtype=np.uint8)
        unique = np.unique(rows)
        # If images are not the first axis, a whole range is read at once: a slice for each image would read as much of
        # the file every time.
        breaks = np.flatnonzero(np.diff(unique) > 1) + 1 if self._stack.axes[0] == 0 else ()
        for run in np.split(unique, breaks) if len(rows) else ():
            for block in self._stack.blocks(int(run[0]), int(run[-1]) + 1):
                inside = (rows >= block.start) & (rows < block.stop)
                if inside.any():
                    pixels[inside] = self._stack.read(block)[rows[inside] - block.start]
        return pixels
