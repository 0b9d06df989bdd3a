"""How a paper draws its splits, with a fixed seed: for datasets without the paper's own lists."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from robusthash.errors import DatasetError
from robusthash_datasets.draws import shuffled
from robusthash_datasets.originals import Annotated


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Rows of the annotations that are in each split, in ascending order."""

    query: tuple[int, ...]
    database: tuple[int, ...]
    train: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A way to draw splits; the draw depends on the annotations, the recipe and the seed alone."""

    def draw(self, annotated: Annotated, seed: int) -> Drawn:
        """Draws the splits.

        Args:
            annotated: the images and their labels.
            seed: another one gives other splits.

        Raises:
            DatasetError: there are too few images.
        """
        count = len(annotated.paths)
        order = shuffled(range(count), f"robusthash {type(self).__name__.lower()} 1/{seed}")
        query, database, train = self._parts(annotated, order)
        for name, part in (("query", query), ("database", database), ("train", train)):
            if not part:
                raise DatasetError(
                    f"{count} images are too few: the {name} split would be empty", hint="is it all of the original?"
                )
        return Drawn(query=tuple(sorted(query)), database=tuple(sorted(database)), train=tuple(sorted(train)))

    @property
    @abstractmethod
    def words(self) -> str:
        """What it does, in one sentence."""

    @abstractmethod
    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]: ...


@dataclass(frozen=True, kw_only=True)
class AtRandom(Recipe):
    """Queries at random, then train items at random; the database is all that are no queries."""

    queries: int  #: items of the query split
    train: int | None  #: items of the train split; None: the whole database
    disjoint: bool = False  #: whether train items are taken out of the database

    @property
    def words(self) -> str:
        """What it does, in one sentence."""
        train = "all of the others are train items" if self.train is None else f"{self.train} of the others train items"
        return f"{self.queries} queries at random, {train}" + (", taken out of the database" if self.disjoint else "")

    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]:  # noqa: ARG002 - labels do not matter
        _enough(len(order), self.queries + (self.train or 1))
        query, rest = order[: self.queries], order[self.queries :]
        train = rest[: self.train]
        return query, rest[len(train) :] if self.disjoint else rest, train


@dataclass(frozen=True, kw_only=True)
class PerClass(Recipe):
    """So many queries of each class, then so many train items of each of the rest; the rarest class chooses first."""

    queries: int  #: for each class
    train: int  #: for each class

    @property
    def words(self) -> str:
        """What it does, in one sentence."""
        return f"{self.queries} queries of each class at random, then {self.train} train items of each from the others"

    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]:
        query = _of_each(annotated, order, self.queries)
        chosen = set(query)
        rest = [row for row in order if row not in chosen]
        return query, rest, _of_each(annotated, rest, self.train)


@dataclass(frozen=True, kw_only=True)
class Greedy(Recipe):
    """The walk of DeepHash-pytorch (``data/nuswide_21/code.py``).

    In a random order each image goes to the first of its classes that still wants train items; if there is none, to
    the first that still wants queries; if there is none, to the database. Train items are in the database, too.
    """

    queries: int  #: for each class
    train: int  #: for each class

    @property
    def words(self) -> str:
        """What it does, in one sentence."""
        return (
            f"in a random order, to the first of its classes with less than {self.train} train items, else to the "
            f"first with less than {self.queries} queries, else to the database; train items are in the database, too"
        )

    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]:
        classes = annotated.labels.shape[1]
        left = {"train": [self.train] * classes, "query": [self.queries] * classes}
        taken: dict[str, list[int]] = {"train": [], "query": []}
        for row in order:
            own = np.flatnonzero(annotated.labels[row]).tolist()
            for split in ("train", "query"):
                wanting = next((label for label in own if left[split][label]), None)
                if wanting is not None:
                    left[split][wanting] -= 1
                    taken[split].append(row)
                    break
        for split, missing in left.items():
            if any(missing):
                label = next(i for i, count in enumerate(missing) if count)
                raise DatasetError(
                    f"class {annotated.classes[label]!r} has {missing[label]} {split} items too few",
                    hint="is it all of the original?",
                )
        query = set(taken["query"])
        return taken["query"], [row for row in order if row not in query], taken["train"]


@dataclass(frozen=True, kw_only=True)
class HeldOut(Recipe):
    """The original's own validation images are the queries; the others are the database."""

    train: int  #: for each class

    @property
    def words(self) -> str:
        """What it does, in one sentence."""
        return f"the validation images are queries, {self.train} of the others of each class at random train items"

    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]:
        rest = [row for row in order if row not in annotated.held_out]
        return list(annotated.held_out), rest, _of_each(annotated, rest, self.train)


def _of_each(annotated: Annotated, order: list[int], each: int) -> list[int]:
    """The first ``each`` rows of every class that no class before it took; the rarest class takes first."""
    totals = annotated.labels.sum(0, dtype=np.int64)
    taken: set[int] = set()
    for label in sorted(range(len(totals)), key=lambda label: (totals[label], label)):
        own = [row for row in order if annotated.labels[row, label] and row not in taken][:each]
        if len(own) < each:
            raise DatasetError(
                f"class {annotated.classes[label]!r} has {len(own)} images to draw from, not {each}",
                hint="is it all of the original?",
            )
        taken.update(own)
    return sorted(taken)


def _enough(count: int, wanted: int) -> None:
    if count < wanted:
        raise DatasetError(f"{count} images are too few to draw {wanted} from", hint="is it all of the original?")
