"""Recipes that draw a paper's splits with a fixed seed, for datasets without the paper's own lists."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from robusthash.errors import DatasetError
from robusthash_datasets.drawing.draws import shuffled
from robusthash_datasets.originals import Annotated

_INCOMPLETE = "check that the original distribution is complete"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The rows of the annotations in each split, in ascending order."""

    query: tuple[int, ...]
    database: tuple[int, ...]
    train: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A way to draw splits; the draw depends only on the annotations, the recipe and the seed."""

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
                raise DatasetError(f"{count} images are too few: the {name} split would be empty", hint=_INCOMPLETE)
        return Drawn(query=tuple(sorted(query)), database=tuple(sorted(database)), train=tuple(sorted(train)))

    @property
    @abstractmethod
    def words(self) -> str:
        """A description of the draw, in one sentence."""

    @abstractmethod
    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]: ...


@dataclass(frozen=True, kw_only=True)
class AtRandom(Recipe):
    """Queries at random, then train items at random; the database is all items that are not queries."""

    queries: int  #: items of the query split
    train: int | None  #: items of the train split; None is the whole database
    disjoint: bool = False  #: whether train items are removed from the database

    @property
    def words(self) -> str:
        """A description of the draw, in one sentence."""
        train = "all of the others are train items" if self.train is None else f"{self.train} of the others train items"
        return f"{self.queries} queries at random, {train}" + (", removed from the database" if self.disjoint else "")

    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]:  # noqa: ARG002 - labels do not matter
        _enough(len(order), self.queries + (self.train or 1))
        query, rest = order[: self.queries], order[self.queries :]
        train = rest[: self.train]
        return query, rest[len(train) :] if self.disjoint else rest, train


@dataclass(frozen=True, kw_only=True)
class PerClass(Recipe):
    """A number of queries per class, then a number of train items per class from the rest, the rarest class first."""

    queries: int  #: per class
    train: int  #: per class

    @property
    def words(self) -> str:
        """A description of the draw, in one sentence."""
        return f"{self.queries} queries of each class at random, then {self.train} train items of each from the others"

    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]:
        query = _of_each(annotated, order, self.queries)
        chosen = set(query)
        rest = [row for row in order if row not in chosen]
        return query, rest, _of_each(annotated, rest, self.train)


@dataclass(frozen=True, kw_only=True)
class Greedy(Recipe):
    """The greedy pass of DeepHash-pytorch (``data/nuswide_21/code.py``).

    In a random order each image goes to the first of its classes that still needs train items; if there is none, to
    the first that still needs queries; if there is none, to the database. Train items are also in the database.
    """

    queries: int  #: per class
    train: int  #: per class

    @property
    def words(self) -> str:
        """A description of the draw, in one sentence."""
        return (
            f"in a random order, to the first of its classes with less than {self.train} train items, else to the "
            f"first with less than {self.queries} queries, else to the database; train items are also in the database"
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
                    hint=_INCOMPLETE,
                )
        query = set(taken["query"])
        return taken["query"], [row for row in order if row not in query], taken["train"]


@dataclass(frozen=True, kw_only=True)
class HeldOut(Recipe):
    """The original's own validation images are the queries; the others are the database."""

    train: int  #: per class

    @property
    def words(self) -> str:
        """A description of the draw, in one sentence."""
        return f"the validation images are queries, {self.train} of the others of each class at random train items"

    def _parts(self, annotated: Annotated, order: list[int]) -> tuple[list[int], list[int], list[int]]:
        rest = [row for row in order if row not in annotated.held_out]
        return list(annotated.held_out), rest, _of_each(annotated, rest, self.train)


def _of_each(annotated: Annotated, order: list[int], each: int) -> list[int]:
    """The first ``each`` rows of every class that no earlier class has taken, the rarest class first."""
    totals = annotated.labels.sum(0, dtype=np.int64)
    taken: set[int] = set()
    for label in sorted(range(len(totals)), key=lambda label: (totals[label], label)):
        own = [row for row in order if annotated.labels[row, label] and row not in taken][:each]
        if len(own) < each:
            raise DatasetError(
                f"class {annotated.classes[label]!r} has {len(own)} images to draw from, not {each}",
                hint=_INCOMPLETE,
            )
        taken.update(own)
    return sorted(taken)


def _enough(count: int, wanted: int) -> None:
    if count < wanted:
        raise DatasetError(f"{count} images are too few to draw {wanted} from", hint=_INCOMPLETE)
