"""All that a report shows of one record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from robusthash.errors import InputError
from robusthash.results.comparing.comparable import metric_title
from robusthash.results.curves.curves import build_curves
from robusthash.results.curves.panels import Over
from robusthash.results.records.arrays import TRACE, QueryArrays
from robusthash.results.records.pictures import Pictures
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN
from robusthash.results.rendering.sheet import Table
from robusthash.results.report.charts.bits import bit_chart
from robusthash.results.report.charts.chart import Chart
from robusthash.results.report.charts.lines import curve_charts
from robusthash.results.report.charts.mirrored import distribution
from robusthash.results.report.details.classes import class_table
from robusthash.results.report.details.codes import Array, ones, turned
from robusthash.results.report.details.worst import Items, WorstQuery, worst
from robusthash.results.report.sources import Entry
from robusthash.specs import Relevance


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Something that is not shown.

    Attributes:
        what: it is.
        why: and how to get it.
    """

    what: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the arrays of a record show.

    Attributes:
        charts: distribution over the queries, bits, and distance per step.
        classes: the score of each class; None if labels are not known.
        worst: the worst queries.
        missing: what cannot be shown.
    """

    charts: tuple[Chart, ...] = ()
    classes: Table | None = None
    worst: tuple[WorstQuery, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(kw_only=True)
class Databases:
    """Reads databases: that of the last victim is kept, since its records follow one another."""

    _last: tuple[object, Mapping[str, Array]] | None = field(default=None, init=False)

    def of(self, entry: Entry) -> Mapping[str, Array]:
        """The database of a record.

        Raises:
            InputError: it is missing or damaged.
        """
        victim = entry.record.victim
        key = (entry.folder.name, entry.record.dataset.digest, victim)
        if self._last is None or self._last[0] != key:
            self._last = (key, entry.database())
        return self._last[1]


def findings(entry: Entry, databases: Databases, *, pictures: int) -> Findings:
    """What the arrays of a record show. What cannot be read, or does not fit, is among what is missing.

    Args:
        entry: the record.
        databases: reads what it was searched in.
        pictures: number of queries with pictures.
    """
    record, missing = entry.record, list[Missing]()
    try:
        arrays = entry.arrays()
        before, after = _scores(record, arrays)
    except InputError as error:
        return Findings(missing=(Missing(what="everything about single queries", why=_told(error)),))
    items, kept = _items(entry, arrays, databases, missing), _pictures(entry, pictures, missing)
    known = np.isfinite(before) & np.isfinite(after)
    unit = metric_title(record.scoring.headline, record.attack.against)
    charts: list[Chart] = []
    if known.any():
        charts.append(distribution(before[known], after[known], f"{unit} of single queries", unit))
    charts += _bits(record, arrays, items, missing)
    charts += _steps(record, arrays, missing)
    labels = arrays.columns.get("labels")
    if labels is None or labels.ndim != 2:
        missing.append(Missing(what="scores by class", why="the record has no labels: evaluate again with --force"))
    return Findings(
        charts=tuple(charts),
        classes=None if labels is None or labels.ndim != 2 else class_table(labels, before, after, unit),
        worst=tuple(worst(record, arrays, items, kept, most=pictures)),
        missing=tuple(missing),
    )


def _scores(record: Record, arrays: QueryArrays) -> tuple[Array, Array]:
    against, metric = record.attack.against, record.scoring.headline
    before, after = (arrays.scores_of(stage, metric, against) for stage in (CLEAN, ADVERSARIAL))
    return before, after


def _items(entry: Entry, arrays: QueryArrays, databases: Databases, missing: list[Missing]) -> Items | None:
    """The database, if it is there and fits the record."""
    what = "what the queries find, and the balance of the bits"
    try:
        found = databases.of(entry)
        codes, labels = found["packed"], found["labels"]
        Relevance(entry.record.scoring.relevance)
    except InputError as error:
        missing.append(Missing(what=what, why=_told(error)))
        return None
    except (KeyError, ValueError):
        missing.append(Missing(what=what, why="the stored database is not one: evaluate again with --force"))
        return None
    own = (arrays.codes.get(CLEAN), arrays.codes.get(ADVERSARIAL), arrays.columns.get("labels"))
    fits = codes.ndim == labels.ndim == 2 and len(codes) == len(labels)
    alike = zip(own, (codes, codes, labels), strict=True)
    if not fits or any(one is None or one.ndim != 2 or one.shape[1] != other.shape[1] for one, other in alike):
        missing.append(Missing(what=what, why="the stored database does not fit the record"))
        return None
    targets = arrays.columns.get("targets")
    if targets is not None and targets.shape[1:] != labels.shape[1:]:
        missing.append(Missing(what=what, why="the stored targets do not fit the record"))
        return None
    return Items(codes=codes, labels=labels)


def _pictures(entry: Entry, most: int, missing: list[Missing]) -> Pictures | None:
    try:
        kept = entry.pictures()
        if kept is not None and most:
            return kept
        why = (
            f"{len(kept)} queries have some; --pictures allows no more of them"
            if kept is not None
            else "none were kept: evaluate with --keep-pictures N --force, which keeps the N worst queries"
        )
    except InputError as error:
        why = _told(error)
    missing.append(Missing(what="pictures of the worst queries", why=why))
    return None


def _bits(record: Record, arrays: QueryArrays, items: Items | None, missing: list[Missing]) -> Iterator[Chart]:
    bits = record.victim.model.bits
    codes = [arrays.codes.get(stage) for stage in (CLEAN, ADVERSARIAL)]
    packed = [one for one in codes if one is not None and bits and one.dtype == np.uint8 and one.shape[1] * 8 >= bits]
    if bits is None:
        missing.append(Missing(what="bits that turn", why="the victim has descriptors, not codes"))
    elif len(packed) < 2 or packed[0].shape != packed[1].shape or not len(packed[0]):
        missing.append(Missing(what="bits that turn", why="the record has no codes: evaluate again with --force"))
    else:
        balance = None if items is None or items.codes.dtype != np.uint8 else ones(items.codes, bits).tolist()
        yield bit_chart(turned(packed[0], packed[1], bits).tolist(), balance)


def _steps(record: Record, arrays: QueryArrays, missing: list[Missing]) -> Iterator[Chart]:
    try:
        curves = build_curves([record], Over.ITERATION, trace_of=lambda _: arrays.columns.get(TRACE))
    except InputError as error:
        missing.append(Missing(what="distance per step", why=_told(error)))
        return
    if not curves.panels:
        missing.append(Missing(what="distance per step", why="the attack takes no steps that are traced"))
    for chart in curve_charts(curves):
        yield replace(chart, title="Distance to the aim, step by step", legend=(), notes=())  # of this record alone


def _told(error: InputError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
