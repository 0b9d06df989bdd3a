"""Points within a record: the metric after JPEG compression, by quality."""

from collections.abc import Callable, Iterator, Sequence

from robusthash.results.curves.panels import Point
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, after_jpeg

PointOf = Callable[[float, str, Record, str], Point]  #: the point of a stage of a record, from its x and its label

_NONE = 101.0  #: x of what is not compressed: beyond the best quality


def compressed(records: Sequence[Record], point: PointOf, *, clean: bool) -> tuple[tuple[Point, ...], int]:
    """The points of the newest record with qualities, by ascending quality, and the number of older ones with some.

    Args:
        records: of one cell, from old to new.
        point: makes a point.
        clean: whether the points are of the clean queries.
    """
    found = [record for record in records if record.scoring.qualities]
    return (tuple(_points(found[-1], point, clean=clean)), len(found) - 1) if found else ((), 0)


def _points(record: Record, point: PointOf, *, clean: bool) -> Iterator[Point]:
    for quality in sorted(record.scoring.qualities):
        before, after = after_jpeg(quality)
        yield point(quality, str(quality), record, before if clean else after)
    yield point(_NONE, "none", record, CLEAN if clean else ADVERSARIAL)


def stages_shown(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    """The stages that are series of their own over other axes: each with its clean one, and the end of its name.

    Attacked queries as delivered come first, then those that were compressed, from the best quality on.
    """
    qualities = {quality for record in records for quality in record.scoring.qualities}
    after = [(*after_jpeg(quality)[::-1], f", JPEG {quality}") for quality in sorted(qualities, reverse=True)]
    return [(ADVERSARIAL, CLEAN, ""), *after]
