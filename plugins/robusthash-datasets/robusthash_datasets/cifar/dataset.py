"""CIFAR-10 in the three splits of the hashing literature, from the official files or from a JPEG copy."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np

from robusthash.contracts import Dataset, DatasetContext, RetrievalData, Split
from robusthash.errors import DatasetError, OptionError
from robusthash_datasets.cifar import jpeg, official
from robusthash_datasets.cifar.official import CLASSES, Source
from robusthash_datasets.drawing.draws import shares, shuffled
from robusthash_datasets.images.memory import in_memory, one_hot

Protocol = Literal["cifar10", "cifar10-1", "cifar10-2"]

_KEY = "robusthash cifar10 1"

#: The slice of each class's 6,000 images, in the order of the draw, that is in each split.
_SLICES: Mapping[str, Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "cifar10": {"query": (0, 100), "train": (100, 600), "database": (600, 6000)},
        "cifar10-1": {"query": (0, 100), "train": (100, 600), "database": (100, 6000)},
        "cifar10-2": {"query": (0, 1000), "train": (1000, 6000), "database": (1000, 6000)},
    }
)

#: SHA-256 of the ids of query, database and train. The official labels are pinned by the MD5 of their files.
_DIGESTS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("cifar10", "jpeg"): "d0bb878ac05ea76c3717a411382ec7d579b8ddc19b9b45d5e8e64b0164659126",
        ("cifar10-1", "jpeg"): "5ed5c91dc7a993015987d6020a6667ae023dd16a030b6667e98e1ebd920cd3c9",
        ("cifar10-2", "jpeg"): "d50bbad6979fbe5f7b821fbe3993866ccbc6e3fbc92284cce8b3ca2e9a4521b8",
    }
)


@dataclass(frozen=True, kw_only=True)
class Cifar10(Dataset):
    """CIFAR-10 (Krizhevsky, 2009): 60,000 images of 32x32 in ten classes.

    Training and test images are pooled, and splits are drawn class by class, as in DeepHash-pytorch, but with a
    fixed seed. Of each class, ``cifar10`` has 100 queries, 500 train items and the
    other 5,400 as its database; in ``cifar10-1`` (GreedyHash) the train items are also in the database; ``cifar10-2``
    has 1,000 queries, and all others are both train items and database.

    Results on the JPEG copy, or on a subset of the splits, have a different dataset name.
    """

    protocol: Protocol = "cifar10"  #: name of the split
    source: Literal["official", "jpeg"] = "official"  #: the authors' files, or an archive of JPEG copies
    queries: int | None = None  #: number of queries, balanced over the classes; none is all
    database: int | None = None  #: number of database items, balanced over the classes; none is all
    train: int | None = None  #: number of train items, balanced over the classes; none is all

    def __post_init__(self) -> None:
        for split, count in self._counts().items():
            start, end = _SLICES[self.protocol][split]
            if count is not None and not 10 <= count <= 10 * (end - start):
                option = "queries" if split == "query" else split
                raise OptionError(f"{option}={count}", hint=f"10 to {10 * (end - start)} for {self.protocol}")

    def load(self, context: DatasetContext) -> RetrievalData:
        """The splits, in memory.

        Raises:
            DatasetError: the files are missing, cannot be downloaded, or have another content.
        """
        everything = _READERS[self.source](context)
        orders = class_orders(everything.labels)
        full = {name: draw(orders, *part) for name, part in _SLICES[self.protocol].items()}
        expected = _DIGESTS.get((self.protocol, self.source))
        if expected is not None and ids_digest(full) != expected:
            raise DatasetError(
                f"the splits of {self.protocol} have digest {ids_digest(full)}, not {expected}",
                hint="the labels of this copy differ from those of the known one",
            )
        counts = self._counts()
        rows = {name: draw(orders, *part, count=counts[name]) for name, part in _SLICES[self.protocol].items()}
        return self._data(everything, rows, context.image_size)

    def prepare(self, context: DatasetContext, source: Path | None) -> None:
        """Unpacks the authors' archive, from ``source`` or downloaded, into ``--data-root`` or the cache.

        Raises:
            DatasetError: the archive is not available, or is another file; or the source is the JPEG copy.
        """
        if self.source != "official":
            raise DatasetError("the JPEG copy needs no preparation", hint="set --data-root to its folder")
        official.fetch(context, source)

    def _counts(self) -> dict[str, int | None]:
        return {"query": self.queries, "database": self.database, "train": self.train}

    def _data(self, everything: Source, rows: Mapping[str, list[int]], size: int | None) -> RetrievalData:
        def split(name: str) -> Split:
            return Split.of_images(
                name=name,
                images=in_memory(everything.pixels[rows[name]], size),
                labels=one_hot(everything.labels[rows[name]].tolist(), len(CLASSES)),
                ids=tuple(f"{row:05d}" for row in rows[name]),
            )

        part = any(count is not None for count in self._counts().values())
        return RetrievalData(
            name=self.protocol + ("-jpeg" if self.source == "jpeg" else "") + ("-part" if part else ""),
            classes=CLASSES,
            query=split("query"),
            database=split("database"),
            train=split("train"),
            epsilon=8 / 255,
            epsilon_l2=0.5,
            backbone="small-cnn",
        )


_READERS = MappingProxyType({"official": official.read_official, "jpeg": jpeg.read_jpeg})


def class_orders(labels: np.ndarray) -> list[list[int]]:
    """The rows of each class in the order of the draw.

    Args:
        labels: (n,) class numbers.
    """
    return [shuffled(np.flatnonzero(labels == label).tolist(), _KEY) for label in range(len(CLASSES))]


def draw(orders: list[list[int]], start: int, end: int, count: int | None = None) -> list[int]:
    """Rows of a split: a slice of each class's order.

    Args:
        orders: from :func:`class_orders`.
        start: first position in each class's order.
        end: position after the last.
        count: total number, the first ones of each class; a smaller draw is a subset of a larger one.

    Returns:
        Ascending rows.
    """
    wanted = [end - start] * len(orders) if count is None else shares([end - start] * len(orders), count)
    return sorted(row for order, size in zip(orders, wanted, strict=True) for row in order[start : start + size])


def ids_digest(splits: Mapping[str, list[int]]) -> str:
    """SHA-256 of the rows of query, database and train."""
    text = "\n".join(f"{name} {' '.join(map(str, splits[name]))}" for name in ("query", "database", "train"))
    return hashlib.sha256(text.encode()).hexdigest()
