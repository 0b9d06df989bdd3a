"""The worst queries: what the attack achieved most on, with what is found before and after, and pictures if kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from robusthash.results.comparing.comparable import metric_title
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.pictures import SHOWN, Pictures, worst_queries
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN
from robusthash.results.report.details.codes import Array, distances, relevant
from robusthash.results.report.details.images import Picture, difference, overlay, picture
from robusthash.specs import Distance, Relevance

_UNPICTURED = 2  #: queries that are shown without pictures


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """An item that a query found.

    Attributes:
        item: its position in the database.
        distance: to the query's code, as text with its unit.
        relevant: whether it is relevant to the query's own labels.
        targeted: whether it is relevant to the target labels.
        image: its thumbnail; None if there is none.
    """

    item: int
    distance: str
    relevant: bool
    targeted: bool
    image: Picture | None

    @property
    def verdict(self) -> str:
        """In words."""
        return "target" if self.targeted else "relevant" if self.relevant else "not relevant"


@dataclass(frozen=True, kw_only=True)
class WorstQuery:
    """A query.

    Attributes:
        name: its id in the dataset.
        scores: what it lost, in words.
        pictures: of the query before and after, of the difference, and of where the model looks.
        before: what it found before the attack, nearest first.
        after: what it found after it.
    """

    name: str
    scores: str
    pictures: tuple[tuple[str, Picture], ...]
    before: tuple[Neighbour, ...]
    after: tuple[Neighbour, ...]


@dataclass(frozen=True, kw_only=True)
class Items:
    """The database that a record was searched in, as far as it fits the record.

    Attributes:
        codes: (items, ...) packed codes or descriptors.
        labels: (items, classes) multi-hot.
    """

    codes: Array
    labels: Array


def worst(
    record: Record, arrays: QueryArrays, items: Items | None, pictures: Pictures | None, *, most: int
) -> Iterator[WorstQuery]:
    """The worst queries, the worst first; those with pictures, if some were kept.

    Args:
        record: as stored.
        arrays: of its queries, which fit ``items``.
        items: the database; None if it is not known.
        pictures: of some of its queries.
        most: number of queries with pictures.
    """
    rows = worst_queries(record, arrays, _UNPICTURED) if not pictures or not most else pictures.rows[:most]
    for place, row in enumerate(rows.tolist()):
        name = str(arrays.columns["ids"][row]) if "ids" in arrays.columns else str(row)
        shown = pictures if most else None
        yield WorstQuery(
            name=name,
            scores=_scores(record, arrays, row),
            pictures=tuple(_pictures(shown, place, name)) if shown else (),
            before=tuple(_found(record, arrays, items, shown, row, CLEAN)),
            after=tuple(_found(record, arrays, items, shown, row, ADVERSARIAL)),
        )


def _scores(record: Record, arrays: QueryArrays, row: int) -> str:
    against, metric = record.attack.against, record.scoring.headline
    before, after = (float(arrays.scores_of(stage, metric, against)[row]) for stage in (CLEAN, ADVERSARIAL))
    return f"{metric_title(metric, against)} {before:.3f} → {after:.3f}"


def _pictures(pictures: Pictures, place: int, name: str) -> Iterator[tuple[str, Picture]]:
    clean, attacked = pictures.clean[place], pictures.adversarial[place]
    change, factor = difference(clean, attacked)
    yield "clean", picture(clean, f"query {name} before the attack")
    yield "attacked", picture(attacked, f"query {name} after the attack")
    yield f"difference × {factor:.3g}", picture(change, f"what the attack changed in query {name}, on grey")
    if pictures.cam_clean is not None and pictures.cam_adversarial is not None:
        for label, image, heat in (
            ("Grad-CAM clean", clean, pictures.cam_clean[place]),
            ("Grad-CAM attacked", attacked, pictures.cam_adversarial[place]),
        ):
            yield label, picture(overlay(image, heat), f"{label} of query {name}: lighter is where the model looks")


def _found(
    record: Record, arrays: QueryArrays, items: Items | None, pictures: Pictures | None, row: int, stage: str
) -> Iterator[Neighbour]:
    if items is None or stage not in arrays.neighbours or "labels" not in arrays.columns:
        return
    found = arrays.neighbours[stage][row][:SHOWN].astype(np.int64)
    found = found[(found >= 0) & (found < len(items.codes))]  # retrievers fill up with -1
    distance = record.victim.model.distance
    far = distances(arrays.codes_at(stage)[row], items.codes[found], distance)
    relevance = Relevance(record.scoring.relevance)
    own = relevant(arrays.columns["labels"][row], items.labels[found], relevance)
    targets = arrays.columns.get("targets")
    aimed = np.zeros_like(own) if targets is None else relevant(targets[row], items.labels[found], relevance)
    for item, at, fits, aims in zip(found.tolist(), far.tolist(), own.tolist(), aimed.tolist(), strict=True):
        thumbnail = pictures.thumbnail(item) if pictures else None
        yield Neighbour(
            item=item,
            distance=f"{at:.0f} bit" if distance is Distance.HAMMING else f"{at:.3f}",
            relevant=fits,
            targeted=aims,
            image=None if thumbnail is None else picture(thumbnail, f"item {item}", thumbnail=True),
        )
