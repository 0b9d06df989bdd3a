"""Datasets: three splits of items with multi-hot labels, and a digest over all of it."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts.data.findings import Finding
from robusthash.contracts.data.inputs import Images, Inputs
from robusthash.contracts.modality import IMAGE, Modality
from robusthash.errors import CapabilityError, DatasetError
from robusthash.limits import check_image_size


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Queries, database or train items, with one view per modality, aligned by id.

    Attributes:
        name: ``query``, ``database`` or ``train``.
        views: the items' inputs by modality, ``image`` or ``text``; at least one.
        labels: (n, classes) uint8, multi-hot; a row of zeros is an item without labels.
        ids: a permanent name of each item: a relative path, or the position in the original distribution.

    Raises:
        DatasetError: there is no view, a view is of another modality, lengths differ, or labels are not (n, classes)
            uint8 of zeros and ones.
    """

    name: str
    views: Mapping[str, Inputs]
    labels: Tensor
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.views:
            raise DatasetError(f"{self.name} split has no inputs", hint="pass a view of at least one modality")
        if not isinstance(self.labels, Tensor) or self.labels.dtype != torch.uint8 or self.labels.ndim != 2:
            kind = f"{tuple(self.labels.shape)} {self.labels.dtype}" if hasattr(self.labels, "dtype") else "no tensor"
            one = isinstance(self.labels, Tensor) and self.labels.ndim == 1
            raise DatasetError(
                f"labels of split {self.name!r} are {kind}, not (n, classes) uint8",
                hint="make rows of 0 and 1, one column a class" + (", of the class numbers" if one else ""),
            )
        for modality, view in self.views.items():
            if view.modality.name != modality:
                raise DatasetError(f"the view {modality!r} of split {self.name!r} has modality {view.modality.name!r}")
            if not len(view) == len(self.labels) == len(self.ids):
                raise DatasetError(
                    f"{self.name} split: {len(view)} {modality}s, {len(self.labels)} label rows, {len(self.ids)} ids",
                    hint="all three must be aligned, one row per item",
                )
        if self.labels.numel():
            _check_labels(self.labels, self.name, self.ids)

    @classmethod
    def of_images(cls, *, name: str, images: Images, labels: Tensor, ids: tuple[str, ...]) -> Self:
        """A split of images only.

        Args:
            name: ``query``, ``database`` or ``train``.
            images: the items.
            labels: (n, classes) uint8, multi-hot.
            ids: a permanent name of each item.
        """
        return cls(name=name, views={IMAGE: images}, labels=labels, ids=ids)

    def __len__(self) -> int:
        return len(self.ids)

    def view(self, modality: str) -> Inputs:
        """The items in one modality.

        Raises:
            CapabilityError: the split has no such view.
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
            CapabilityError: the split has no images.
            DatasetError: the view of its images is not :class:`Images`.
        """
        view = self.view(IMAGE)
        if not isinstance(view, Images):
            raise DatasetError(f"the images of split {self.name!r} are {type(view).__name__}", hint="subclass Images")
        return view

    def take(self, indices: Sequence[int]) -> "Split":
        """A split of the same name with the items at some positions."""
        chosen = list(indices)
        return Split(
            name=self.name,
            views={modality: view.take(chosen) for modality, view in self.views.items()},
            labels=self.labels[chosen],
            ids=tuple(self.ids[i] for i in chosen),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids, labels, and the identity of each view."""
        sha = hashlib.sha256("\n".join(self.ids).encode(errors="surrogateescape"))
        sha.update(np.packbits(self.labels.numpy(), axis=1).tobytes())
        # Images add no name, so that a split of images only has the digest that stored records name it by.
        for modality, view in sorted(self.views.items()):
            sha.update((b"" if modality == IMAGE else modality.encode()) + view.identity())
        return sha.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class RetrievalData:
    """A loaded dataset.

    Attributes:
        name: the dataset's registered name.
        classes: label names, one per column of the labels.
        query: the queries.
        database: the items that are searched.
        train: the items that models are trained on.
        epsilon: conventional radius of attacks on such items, as a share of the box's width.
        epsilon_l2: likewise in L2, in widths of the box; None if there is no convention.
        backbone: name of a backbone that suits the image size.

    Raises:
        DatasetError: the labels of a split do not have one column per class.
    """

    name: str
    classes: tuple[str, ...]
    query: Split
    database: Split
    train: Split
    epsilon: float = 8 / 255
    backbone: str = "resnet18"
    epsilon_l2: float | None = None

    def __post_init__(self) -> None:
        for split in (self.query, self.database, self.train):
            if split.labels.shape[1] != len(self.classes):
                raise DatasetError(
                    f"labels of the {split.name} split of {self.name} have {split.labels.shape[1]} columns, and there "
                    f"are {len(self.classes)} classes",
                    hint="every split has the same columns, one per class name",
                )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the digests of the three splits and the shapes of their items."""
        parts = [self.query.digest, self.database.digest, self.train.digest]
        for name, modality in sorted(self.modalities.items()):
            parts.append(str(modality.shape[1:]) if name == IMAGE else f"{name} {modality}")
        return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()

    @property
    def modalities(self) -> dict[str, Modality]:
        """Modalities of the items, by name."""
        return {name: view.modality for name, view in self.query.views.items()}


@dataclass(frozen=True, kw_only=True)
class DatasetContext:
    """Where a dataset finds its files, and how it delivers them.

    Attributes:
        root: the folder named by ``--data-root``, or None.
        cache: a folder where downloads may be stored.
        image_size: height and width named by ``--image-size``; None is the dataset's own.
        progress: called with (done, total, what) during long steps.

    Raises:
        OptionError: the image size is out of bounds.
    """

    root: Path | None
    cache: Path
    image_size: int | None = None
    progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None

    def __post_init__(self) -> None:
        check_image_size(self.image_size)


class Dataset(ABC):
    """A retrieval dataset: a frozen dataclass of options.

    ``robusthash data verify`` checks what :meth:`load` returns, whatever the dataset: duplicates, queries in the
    database, items without labels, unreadable items. :meth:`verify` adds what only the dataset knows.
    """

    @abstractmethod
    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images may be read later.

        Args:
            context: where its files are.

        Raises:
            DatasetError: files are missing or wrong; the hint says where to get them and where to put them.
        """

    def verify(self, context: DatasetContext) -> list[Finding]:  # noqa: ARG002 - for subclasses
        """Looks for faults that the loaded splits do not show: bad lines of lists, counts that are not the paper's.

        Args:
            context: where its files are.

        Returns:
            The findings, each with its file and line; an empty list if all is well.
        """
        return []

    def prepare(self, context: DatasetContext, source: Path | None) -> str | None:  # noqa: ARG002 - for subclasses
        """Downloads or converts the original distribution, into ``context.root`` or the cache.

        Args:
            context: where the files go.
            source: a folder with the original distribution, if the user has one.

        Returns:
            What was prepared and what the user still has to do, in one line; None if the dataset is ready.

        Raises:
            DatasetError: the dataset needs no preparation, or the preparation failed.
        """
        raise DatasetError(f"{type(self).__name__} needs no preparation", hint="it is ready to be evaluated")


def _check_labels(labels: Tensor, name: str, ids: Sequence[str]) -> None:
    if int(labels.max()) <= 1:
        return
    row, column = (labels > 1).nonzero()[0].tolist()
    raise DatasetError(
        f"labels of split {name!r}, row {row + 1} ({ids[row]}), column {column + 1}: {int(labels[row, column])} is "
        "neither 0 nor 1",
        hint="labels are multi-hot: a column per class, with a 1 where the item has it; not class numbers or counts",
    )
