"""What a dataset is: three splits of 8-bit images with multi-hot labels, and a digest that says which ones."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from robusthash.errors import DatasetError
from robusthash.pixels import from_levels


class Images(ABC):
    """Images of one size, read a batch at a time."""

    size: tuple[int, int]  #: height and width in pixels

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, indices: Sequence[int]) -> Tensor:
        """Some of the images, in the order asked for: (n, 3, h, w) uint8.

        Raises:
            DatasetError: a file is missing or is no image; the message names it.
        """

    def pixels(self, indices: Sequence[int]) -> Tensor:
        """The same in pixel space: (n, 3, h, w) float32 in [0, 1], on the 8-bit grid."""
        return from_levels(self.read(indices))

    def identity(self) -> bytes:
        """What decides the pixels beside the items' ids; part of the split's digest."""
        return b""


class ArrayImages(Images):
    """Images held in memory.

    Args:
        array: (n, 3, h, w) uint8.
    """

    def __init__(self, array: Tensor) -> None:
        if array.dtype != torch.uint8 or array.ndim != 4 or array.shape[1] != 3:
            raise DatasetError(f"images are {tuple(array.shape)} {array.dtype}", hint="give (n, 3, h, w) uint8")
        self.array = array
        self.size = (array.shape[2], array.shape[3])

    def __len__(self) -> int:
        return len(self.array)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        return self.array[torch.as_tensor(indices, dtype=torch.int64)]

    def identity(self) -> bytes:
        """SHA-256 of the pixels."""
        return hashlib.sha256(np.ascontiguousarray(self.array.numpy()).data).digest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Queries, database or train items.

    Attributes:
        name: ``query``, ``database`` or ``train``.
        images: the images.
        labels: (n, classes) uint8, multi-hot; a row of zeros is an item without a label.
        ids: each item's lasting name: a relative path, or the position in the original distribution.
    """

    name: str
    images: Images
    labels: Tensor
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.labels) == len(self.ids):
            raise DatasetError(
                f"{self.name} split: {len(self.images)} images, {len(self.labels)} label rows, {len(self.ids)} ids",
                hint="the three must be aligned, one row an image",
            )
        if self.labels.dtype != torch.uint8 or self.labels.ndim != 2:
            raise DatasetError(f"labels of split {self.name!r} are not (n, classes) uint8")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, indices: Sequence[int]) -> "Split":
        """The items at some positions, as a split of the same name."""
        chosen = list(indices)
        return Split(
            name=self.name,
            images=_Subset(self.images, chosen),
            labels=self.labels[chosen],
            ids=tuple(self.ids[i] for i in chosen),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids and labels, and over what decides the pixels."""
        sha = hashlib.sha256("\n".join(self.ids).encode())
        sha.update(np.packbits(self.labels.numpy(), axis=1).tobytes())
        sha.update(self.images.identity())
        return sha.hexdigest()


class _Subset(Images):
    def __init__(self, images: Images, indices: list[int]) -> None:
        self._images = images
        self._indices = indices
        self.size = images.size

    def __len__(self) -> int:
        return len(self._indices)

    def read(self, indices: Sequence[int]) -> Tensor:
        return self._images.read([self._indices[i] for i in indices])

    def identity(self) -> bytes:
        return self._images.identity()


@dataclass(frozen=True, kw_only=True, eq=False)
class RetrievalData:
    """A loaded dataset.

    Attributes:
        name: the dataset's registered name.
        classes: label names, one for each column of the labels.
        query: the items searched for.
        database: the items searched in.
        train: the items that models learn from.
        epsilon: the conventional attack radius for such images, as a share of the pixel range.
        backbone: name of the backbone that suits the image size.
    """

    name: str
    classes: tuple[str, ...]
    query: Split
    database: Split
    train: Split
    epsilon: float = 8 / 255
    backbone: str = "resnet18"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the three splits' digests and the image size."""
        parts = [self.query.digest, self.database.digest, self.train.digest, str(self.query.images.size)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class DatasetContext:
    """Where a dataset finds its files.

    Attributes:
        root: the folder given by ``--data-root``, or None.
        cache: where downloads may be kept.
        image_size: height and width asked for with ``--image-size``; None is the dataset's own.
        progress: called with (done, total, what) during long steps.
    """

    root: Path | None
    cache: Path
    image_size: int | None = None
    progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a verification found.

    Attributes:
        level: an ``error`` makes the numbers wrong or the data unreadable; a ``warning`` is worth knowing.
        where: file and line, or split and item.
        what: what is wrong, in one line.
    """

    level: Literal["error", "warning"]
    where: str
    what: str


class Dataset(ABC):
    """A retrieval dataset: a frozen dataclass of options."""

    @abstractmethod
    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images may be read later.

        Raises:
            DatasetError: files are missing or wrong; the message says from where to get them and where to put them.
        """

    @abstractmethod
    def verify(self, context: DatasetContext) -> list[Finding]:
        """Looks for everything that would make a number on this dataset wrong, and names each by file and line."""

    def prepare(self, context: DatasetContext, source: Path | None) -> str | None:  # noqa: ARG002 - for subclasses
        """Fetches or converts the original distribution into ``context.root`` or the cache.

        Args:
            context: where files go.
            source: a folder with the original distribution, if the user has one.

        Returns:
            What was made and what the user still has to do, in one line; None if the dataset is ready.

        Raises:
            DatasetError: this dataset needs no preparation, or it failed.
        """
        raise DatasetError(f"{type(self).__name__} needs no preparation", hint="evaluate on it as it is")
