"""The worst queries of a record: what they look like, what changed, and what was found before and after."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from robusthash.errors import InputError
from robusthash.results.figures.canvas import GREY, canvas, literal
from robusthash.results.figures.images import show
from robusthash.results.figures.naming import attack_names, victim_name
from robusthash.results.records.arrays import IDS, QueryArrays
from robusthash.results.records.pictures import Pictures
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against
from robusthash.results.rendering.escaping import visible
from robusthash.results.report.details.codes import distances, relevant
from robusthash.results.report.details.images import difference
from robusthash.specs import Distance, Relevance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TILE = 0.85  #: inches of an image
_HIT, _MISS = "#009e73", "#d55e00"  #: frames; what is in one is also written below it
_TITLE, _BELOW = 200, 20  #: characters above all, and below an image

Database = dict[str, np.ndarray[Any, Any]]


def save_worst(
    record: Record,
    arrays: QueryArrays,
    pictures: Pictures,
    database: Database,
    path: Path,
    *,
    queries: int = 3,
    neighbours: int = 5,
) -> None:
    """Draws queries of a record, the worst first, in two rows each.

    The first row has the clean query and its nearest items, the second the adversarial one, its difference to the clean
    one, magnified, and its own nearest items. Below an item is its distance to the query, and a tick if it is relevant,
    which frames it in green, or a cross.

    Args:
        record: as stored.
        arrays: of its queries.
        pictures: of some of them.
        database: ``packed`` and ``labels`` of its items.
        path: of the file; its suffix gives the format: ``.svg``, ``.png`` or ``.pdf``.
        queries: how many, at most.
        neighbours: of each, at most.

    Raises:
        InputError: the record's arrays or those of its database lack something.
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    count = min(queries, len(pictures))
    if not count:
        raise InputError("no pictures are kept of this record", hint="evaluate with --keep-pictures N")
    with canvas(path, _TILE * (2 + neighbours), 2.4 * _TILE * count) as figure:
        title = f"{victim_name([record])}: {attack_names([record])[0]}, {record.attack.radius}"
        figure.suptitle(literal(title, _TITLE), fontsize="small", wrap=True)
        axes = figure.subplots(2 * count, 2 + neighbours, squeeze=False)
        for one in axes.flat:
            one.set_axis_off()
        for place in range(count):
            changed, factor = difference(pictures.clean[place], pictures.adversarial[place])
            row = int(pictures.rows[place])
            for line, stage, image in (
                (axes[2 * place], CLEAN, pictures.clean[place]),
                (axes[2 * place + 1], ADVERSARIAL, pictures.adversarial[place]),
            ):
                _tile(line[0], image, GREY, f"query {arrays.column(IDS)[row]}" if stage == CLEAN else "adversarial")
                _neighbours(line[2:], record, arrays, pictures, database, row, stage)
            _tile(axes[2 * place + 1][1], changed, GREY, f"difference × {factor:.3g}")


def _neighbours(
    line: "np.ndarray[Any, Any]",
    record: Record,
    arrays: QueryArrays,
    pictures: Pictures,
    database: Database,
    row: int,
    stage: str,
) -> None:
    """The nearest items of a query at one stage."""
    ids = arrays.neighbours[stage][row][: len(line)] if stage in arrays.neighbours else np.empty(0, np.int64)
    if not len(ids) or int(ids.max()) >= len(database["packed"]) or int(ids.min()) < 0:
        raise InputError("the record's neighbours are not among the items of its database", hint="evaluate again")
    asked = arrays.column("targets" if record.attack.against is Against.TARGET else "labels")[row]
    if record.scoring.relevance not in set(Relevance):
        raise InputError(f"there is no relevance {visible(record.scoring.relevance)!r}", hint="evaluate again")
    hits = relevant(asked, database["labels"][ids], Relevance(record.scoring.relevance))
    distance = Distance(record.victim.model.distance)
    apart = distances(arrays.codes_at(stage)[row], database["packed"][ids], distance)
    for axes, item, hit, far in zip(line, ids.tolist(), hits, apart, strict=False):
        told = f"{far:.0f} bit{'' if far == 1 else 's'}" if distance is Distance.HAMMING else f"{far:.3f}"
        thumbnail = pictures.thumbnail(item)
        image = np.full((1, 1, 3), 255, np.uint8) if thumbnail is None else thumbnail
        _tile(axes, image, _HIT if hit else _MISS, f"{told} {'✓' if hit else '✗'}")


def _tile(axes: "Axes", image: "np.ndarray[Any, Any]", frame: str, below: str) -> None:
    axes.set_axis_on()
    show(axes, image, frame=frame)
    axes.set_xlabel(literal(below, _BELOW), fontsize="x-small", labelpad=2)
