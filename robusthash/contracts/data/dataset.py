"""What a dataset is: three splits of items with multi-hot labels, and a digest that says which ones."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts.data.inputs import Images, Inputs
from robusthash.contracts.modality import IMAGE, Modality
from robusthash.errors import CapabilityError, DatasetError


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Queries, database or train items: one view of them for each modality, aligned by id.

    Attributes:
        name: ``query``, ``database`` or ``train``.
        views: by modality, ``image`` or ``text``, the items' inputs; one at least.
        labels: (n, classes) uint8, multi-hot; a row of zeros is an item without a label.
        ids: each item's lasting name: a relative path, or the position in the original distribution.
    """

    name: str
    views: Mapping[str, Inputs]
    labels: Tensor
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.views:
            raise DatasetError(f"{self.name} split has no inputs", hint="give a view of one modality at least")
        for modality, view in self.views.items():
            if view.modality.name != modality:
                raise DatasetError(f"the view {modality!r} of split {self.name!r} is of {view.modality.name!r}")
            if not len(view) == len(self.labels) == len(self.ids):
                raise DatasetError(
                    f"{self.name} split: {len(view)} {modality}s, {len(self.labels)} label rows, {len(self.ids)} ids",
                    hint="the three must be aligned, one row an item",
                )
        if self.labels.dtype != torch.uint8 or self.labels.ndim != 2:
            raise DatasetError(f"labels of split {self.name!r} are not (n, classes) uint8")

    @classmethod
    def of_images(cls, *, name: str, images: Images, labels: Tensor, ids: tuple[str, ...]) -> Self:
        """A split whose items are images alone."""
        return cls(name=name, views={IMAGE: images}, labels=labels, ids=ids)

    def __len__(self) -> int:
        return len(self.ids)

    def view(self, modality: str) -> Inputs:
        """The items in one modality.

        Raises:
            CapabilityError: the dataset does not have it.
        """
        if modality not in self.views:
            raise CapabilityError(
                f"the {self.name} split has no inputs of modality {modality!r}, only {', '.join(sorted(self.views))}",
                hint="choose another --direction, or a dataset of images and texts",
            )
        return self.views[modality]

    @property
    def images(self) -> Images:
        """The items as images.

        Raises:
            CapabilityError: the dataset has none.
        """
        view = self.view(IMAGE)
        if not isinstance(view, Images):
            raise DatasetError(f"the images of split {self.name!r} are {type(view).__name__}", hint="subclass Images")
        return view

    def take(self, indices: Sequence[int]) -> "Split":
        """The items at some positions, as a split of the same name."""
        chosen = list(indices)
        return Split(
            name=self.name,
            views={modality: view.take(chosen) for modality, view in self.views.items()},
            labels=self.labels[chosen],
            ids=tuple(self.ids[i] for i in chosen),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids and labels, and over what decides the inputs."""
        sha = hashlib.sha256("\n".join(self.ids).encode())
        sha.update(np.packbits(self.labels.numpy(), axis=1).tobytes())
        # Images have no name of their own here: splits of images alone keep the digest that they have always had.
        for modality, view in sorted(self.views.items()):
            sha.update((b"" if modality == IMAGE else modality.encode()) + view.identity())
        return sha.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class RetrievalData:
    """A loaded dataset.

    Attributes:
        name: the dataset's registered name.
        classes: label names, one for each column of the labels.
        query: the items searched for.
        database: the items searched in.
        train: the items that models learn from.
        epsilon: the conventional attack radius for such items, as a share of the box.
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
        """SHA-256 over the three splits' digests and the shapes of their items."""
        parts = [self.query.digest, self.database.digest, self.train.digest]
        for name, modality in sorted(self.modalities.items()):
            parts.append(str(modality.shape[1:]) if name == IMAGE else f"{name} {modality}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def modalities(self) -> dict[str, Modality]:
        """By name, what kind of inputs its items are."""
        return {name: view.modality for name, view in self.query.views.items()}


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
