"""A dataset in one MATLAB file: images, labels and tags of every item, and splits that are ranges of its rows."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from robusthash.contracts import (
    IMAGE,
    TEXT,
    Dataset,
    DatasetContext,
    Finding,
    Findings,
    Inputs,
    Modality,
    RetrievalData,
    Split,
)
from robusthash.errors import DatasetError, OptionError, StorageError
from robusthash.files.opening import DAMAGED, there
from robusthash.files.storage import write_atomically
from robusthash_datasets.mat.copies import PixelCopy
from robusthash_datasets.mat.file import MatFile
from robusthash_datasets.mat.images import MatImages, Stack
from robusthash_datasets.mat.texts import MatTexts, TextCopy

IMAGES, LABELS, TAGS = "IAll", "LAll", "TAll"  #: the arrays' names
Described = Literal["tags", "features", "signed features"]
_VERSION = "robusthash mat labels 1"  #: changes with the content of the cache


@dataclass(frozen=True, kw_only=True)
class MatSet(Dataset):
    """A MATLAB file with ``IAll`` (images), ``LAll`` (labels) and ``TAll`` (texts: tags or features), one row per item.

    The first rows are the queries, the next the train items, and all rows after the queries, up to the published
    count, the database. An item's id is its row, from 0.
    """

    known: ClassVar[Mapping[str, int]] = {}  #: published number of items of each split, ``classes``, and ``tags``
    fetch: ClassVar[str] = ""  #: how to get the file, for errors
    described: ClassVar[Described] = "tags"  #: what a text is: tags of 0 and 1, or features in [0, 1] or in [-1, 1]

    title: str = "mat"  #: name of the dataset in results
    file: Path = Path("IAll.mat")  #: the file, in --data-root
    axes: tuple[int, int, int, int] = (3, 2, 0, 1)  #: axes of IAll as read by h5py: images, channels, rows, columns
    decoded: Literal["none", "query-train", "all"] = "all"  #: splits whose images are unpacked once into the cache
    backbone: str = "resnet18"  #: suggested backbone
    texts: bool = False  #: also read TAll, a text beside each image; its copy goes to the cache

    def __post_init__(self) -> None:
        if sorted(self.axes) != [0, 1, 2, 3]:
            raise OptionError(f"axes={','.join(map(str, self.axes))}", hint="0, 1, 2 and 3 in some order")

    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images are unpacked into the cache if necessary, and read on demand.

        Raises:
            DatasetError: the file is missing, damaged, or has another format.
            MissingDependencyError: h5py is not installed.
        """
        stack = self._stack(context)
        data = self._data(stack, context)
        copy = PixelCopy(stack, context.cache)
        copy.fill(self._unpacked(stack), context.progress)
        if self.texts:
            self._texts(stack, context).fill(context.progress)
        stack.mat.close()
        return data

    def verify(self, context: DatasetContext) -> list[Finding]:
        """Checks counts, labels and tags against the published ones, and reads every image of the splits."""
        stack, found = self._stack(context), Findings()
        data, where = self._data(stack, context), str(stack.mat.file)
        counts = {name: len(getattr(data, name)) for name in ("query", "database", "train")}
        for name, count in (counts | {"classes": len(data.classes)}).items():
            if count != self.known[name]:
                what = f"{count} {'classes' if name == 'classes' else f'{name} items'}, published: {self.known[name]}"
                found.add("error", name, "counts", where=where, what=what)
        self._compare_tags(stack, found)
        stop = self.known["query"] + counts["database"]
        for rows in stack.blocks(0, stop):
            try:
                stack.read(rows)
            except DatasetError as error:
                what = f"rows {rows.start} to {rows.stop - 1}: {error.message.removeprefix(f'{where}: ')}"
                found.add("error", where, "unreadable runs of images", where=where, what=what)
            context.progress(rows.stop, stop, "reading images")
        stack.mat.close()
        return found.all()

    def prepare(self, context: DatasetContext, source: Path | None) -> str | None:
        """Unpacks the images into the cache, as loading does.

        Args:
            context: with the folders of the file and of the cache.
            source: must be None: there is no other distribution.

        Raises:
            DatasetError: the file is missing; its owners require every user to download it.
        """
        if source is not None or context.root is None or not there(self._place(context)):
            raise DatasetError(f"{self.title} has to be downloaded by hand", hint=self.fetch)
        self.load(context)
        return None

    def _data(self, stack: Stack, context: DatasetContext) -> RetrievalData:
        labels = self._labels(stack, context.cache)
        queries, train, count = self.known["query"], self.known["train"], len(labels)
        if count < queries + train:
            raise stack.mat.error(
                f"{count} items are too few: the first {queries} are queries, the next {train} train items"
            )
        bounds = {
            "query": range(queries),
            "database": range(queries, min(count, queries + self.known["database"])),
            "train": range(queries, queries + train),
        }
        copy = None if self.decoded == "none" else PixelCopy(stack, context.cache)
        texts = self._texts(stack, context) if self.texts else None
        if texts is not None and texts.count != count:
            raise stack.mat.error(f"{TAGS} has {texts.count} items, {IMAGES} {count}")

        def split(name: str) -> Split:
            rows = bounds[name]
            own = slice(rows.start, rows.stop)
            images = MatImages(stack, rows, copy=copy, size=context.image_size)
            ids = tuple(f"{row:06d}" for row in rows)
            views: dict[str, Inputs] = {IMAGE: images}
            if texts is not None:
                views[TEXT] = MatTexts(texts, rows)
            return Split(name=name, views=views, labels=torch.from_numpy(labels[own].copy()), ids=ids)

        return RetrievalData(
            name=self.title,
            classes=tuple(f"label {column}" for column in range(labels.shape[1])),
            query=split("query"),
            database=split("database"),
            train=split("train"),
            backbone=self.backbone,
        )

    def _texts(self, stack: Stack, context: DatasetContext) -> TextCopy:
        width = int(stack.mat.array(TAGS, 2).shape[0])
        low = -1.0 if self.described == "signed features" else 0.0
        modality = Modality.text(width, low=low, tags=self.described == "tags")
        return TextCopy(mat=stack.mat, key=TAGS, modality=modality, cache=context.cache)

    def _unpacked(self, stack: Stack) -> int:
        queries = self.known["query"]
        more = {"none": -queries, "query-train": self.known["train"], "all": self.known["database"]}[self.decoded]
        return min(queries + more, stack.shape[0])

    def _labels(self, stack: Stack, cache: Path) -> np.ndarray:
        """(n, classes) uint8 labels, cached under the digest of the file."""
        mat, count = stack.mat, stack.shape[0]  # first, so that a damaged file is an error even if its rows are cached
        kept = cache / "lists" / f"{hashlib.sha256(f'{_VERSION} {mat.digest}'.encode()).hexdigest()}.npz"
        known = _kept_labels(kept)
        if known is not None and len(known) == count:
            return known
        labels = _labels(mat, count)
        content = io.BytesIO()
        np.savez(content, packed=np.packbits(labels, axis=1), classes=np.int64(labels.shape[1]))
        try:
            write_atomically(kept, content.getvalue())
        except StorageError:
            return labels  # without a cache, they are only read again
        return labels

    def _compare_tags(self, stack: Stack, found: Findings) -> None:
        mat, count = stack.mat, stack.shape[0]
        try:
            columns, rows = mat.array(TAGS, 2).shape
        except DatasetError as error:
            what = f"no tags: {error.message.removeprefix(f'{mat.file}: ')}"
            found.add("warning", TAGS, "faults of the tags", where=str(mat.file), what=what)
            return
        if rows != count:
            what = f"{TAGS} has {rows} items, {IMAGES} {count}"
            found.add("error", TAGS, "faults of the tags", where=str(mat.file), what=what)
        if columns != self.known.get("tags", columns):
            what = f"{columns} columns of tags, published: {self.known['tags']}"
            found.add("error", TAGS, "faults of the tags", where=str(mat.file), what=what)

    def _stack(self, context: DatasetContext) -> Stack:
        if context.root is None:
            raise DatasetError(f"the folder of {self.title} is not known", hint=f"give --data-root; {self.fetch}")
        return Stack(mat=MatFile(self._place(context), remedy=self.fetch), key=IMAGES, axes=self.axes)

    def _place(self, context: DatasetContext) -> Path:
        return (context.root or Path()) / self.file


def _kept_labels(kept: Path) -> np.ndarray | None:
    try:
        with kept.open("rb") as opened, np.load(opened) as arrays:
            return np.unpackbits(arrays["packed"], axis=1, count=int(arrays["classes"]))
    except DAMAGED:
        return None  # not cached, or damaged: the file is read again


def _labels(mat: MatFile, count: int) -> np.ndarray:
    shape = tuple(mat.array(LABELS, 2).shape)
    if shape[1] != count or not shape[0]:
        raise mat.error(f"{LABELS} is {shape} as read by h5py, not (classes, {count}), as {IMAGES} has {count} items")
    return mat.labels(LABELS)
