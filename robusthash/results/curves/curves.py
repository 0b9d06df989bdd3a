"""Builds curves, a pure function of records: records that differ only in x form a series."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from robusthash.epsilon import Radius
from robusthash.errors import UsageError
from robusthash.results.comparing.comparable import Comparable
from robusthash.results.comparing.consistency import flagged
from robusthash.results.comparing.keys import AttackKey, VictimKey, attack_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.curves.compression import compressed, stages_shown
from robusthash.results.curves.panels import HAMMING, Common, Curves, Over, Panel, Point, Series
from robusthash.results.curves.traces import TraceOf, traced
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, is_clean
from robusthash.specs import Role

_SeriesKey = tuple[VictimKey, AttackKey]
_NOBODY = "clean queries"  #: what queries are called that nobody attacks


def build_curves(records: Iterable[Record], over: Over, *, trace_of: TraceOf | None = None) -> Curves:
    """Groups records into panels and series, and drops series of fewer than two points.

    Queries that were hashed again after JPEG are a series for each quality. Over epsilon, the clean queries are the
    point at 0 of every series that has two points of its own, and unbounded attacks are left out. Of several records
    for a point, the newest counts.

    Args:
        records: any; comparable or not.
        over: the x axis.
        trace_of: reads the array ``trace`` of a record: (queries, steps + 1) int, Hamming distance between code and aim
            after each step, -1 where there is none; or returns None if the record has no trace. Needed only over
            iterations.

    Raises:
        UsageError: over iterations, without ``trace_of``.
        InputError: a trace has the wrong shape or type.
    """
    if over is Over.ITERATION and trace_of is None:
        raise UsageError("curves over iterations need the stored arrays", hint="pass trace_of, which reads them")
    groups: dict[Common, list[Record]] = defaultdict(list)
    for record in flagged(records):
        groups[_common(record, over)].append(record)
    panels = (_panel(common, group, over, trace_of) for common, group in groups.items())
    shown = (panel for panel in panels if panel.series)
    return Curves(over=over, panels=tuple(sorted(shown, key=lambda panel: _order(panel.common))))


def _order(common: Common) -> tuple[tuple[bool, object], ...]:
    """Sort key of panels; None sorts first."""
    return tuple((value is not None, value) for value in asdict(common).values())


def _common(record: Record, over: Over) -> Common:
    attack = record.attack
    told = asdict(Comparable.of(record))
    if over is Over.ITERATION:
        told |= {"metric": HAMMING, "protocol": "hamming/to-aim"}
    else:
        told |= {"metric": attack.against.qualify(record.scoring.headline)}
    return Common(
        **told,
        goal=attack.goal,
        epsilon=None if over is Over.EPSILON else attack.epsilon,
        effort=attack.effort.option if attack.effort and over is Over.EFFORT else None,
    )


def _panel(common: Common, records: Sequence[Record], over: Over, trace_of: TraceOf | None) -> Panel:
    axis = _AXES[over]
    groups: dict[_SeriesKey, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: (record.created, record.digest)):
        groups[axis.series(record)].append(record)
    found: dict[_SeriesKey, list[_Found]] = {}
    superseded = 0
    for key, group in groups.items():
        shown = [one for one in _found(group, axis, over, trace_of) if one.points]
        if shown:
            found[key] = shown
            superseded += shown[0].older
    names = Names(found)  # only of what is shown: others would make them longer
    series: list[tuple[tuple[str, int, str], Series]] = []  #: behind what they are sorted by
    for (victim, attack), several in found.items():
        named, called = names.victim(victim), names.attack(attack)
        reference = groups[victim, attack][-1].attack.role is Role.REFERENCE
        for one in several:
            told = Series(
                victim=named, attack=called + one.ending, reference=reference, stage=one.stage, points=one.points
            )
            series.append(((named, 1 if reference else 2, called), told))
    if over is Over.JPEG:
        for named, group in {names.victim(key[0]): groups[key] for key in found}.items():
            points, _ = compressed(group, _point, clean=True)
            told = Series(victim=named, attack=_NOBODY, reference=True, stage=CLEAN, points=points)
            series.append(((named, 0, _NOBODY), told))
    series.sort(key=lambda one: one[0])
    return Panel(common=common, series=tuple(one for _, one in series), superseded=superseded)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The points of a stage of some records.

    Attributes:
        stage: of the queries.
        ending: what its series is called by, behind the attack's name.
        points: none, if there are too few.
        older: number of superseded records.
    """

    stage: str
    ending: str
    points: tuple[Point, ...]
    older: int


def _found(records: Sequence[Record], axis: "_Axis", over: Over, trace_of: TraceOf | None) -> Iterator[_Found]:
    """The series of one cell, or of cells that differ in x: attacked queries as delivered, then after JPEG."""
    if over is Over.JPEG or (over is Over.ITERATION and trace_of is not None):
        points, older = (
            compressed(records, _point, clean=False)
            if trace_of is None or over is Over.JPEG
            else traced(records, trace_of)
        )
        yield _Found(stage=ADVERSARIAL, ending="", points=points, older=older)
        return
    for stage, clean, ending in stages_shown(records):
        scored = [record for record in records if stage in record.outcome.metrics]
        points, older = _swept(scored, axis, stage, clean)
        yield _Found(stage=stage, ending=ending, points=points, older=older)


def _swept(records: Sequence[Record], axis: "_Axis", stage: str, clean: str) -> tuple[tuple[Point, ...], int]:
    """The points of a stage of records, given from old to new, and the number of superseded ones.

    There are no points if there are not two.
    """
    newest: dict[str, tuple[float, Record]] = {}
    superseded = 0
    for record in records:
        x = axis.x(record)
        if x is None:
            continue
        label = axis.label(x, record)
        superseded += label in newest
        newest[label] = (x, record)
    if len(newest) < 2:
        return (), 0
    points = [_point(x, label, record, stage) for label, (x, record) in newest.items()]
    if axis.clean is not None and axis.label(axis.clean, records[-1]) not in newest:
        points.append(_point(axis.clean, axis.label(axis.clean, records[-1]), records[-1], clean))
    return tuple(sorted(points, key=lambda point: point.x)), superseded


def _point(x: float, label: str, record: Record, stage: str) -> Point:
    measure = record.measure(stage)
    return Point(
        x=x,
        label=label,
        value=measure.value,
        low=measure.low,
        high=measure.high,
        flags=() if is_clean(stage) else record.outcome.flags,
        record=record.digest,
    )


def _radius(x: float, record: Record) -> str:
    return Radius(size=x, norm=record.attack.norm).value


def _plain(x: float, _record: Record) -> str:
    return f"{x:.0f}" if float(x).is_integer() else f"{x:g}"


def _cell(record: Record) -> _SeriesKey:
    return victim_key(record), attack_key(record.attack)


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """An x axis.

    Attributes:
        x: the value of a record; None if it has none.
        series: what the points of a series have in common.
        label: x as text, of a record.
        clean: x of the clean queries; None if they have none.
    """

    x: Callable[[Record], float | None] = lambda _: None
    series: Callable[[Record], _SeriesKey] = _cell
    label: Callable[[float, Record], str] = _plain
    clean: float | None = None


_AXES: Mapping[Over, _Axis] = {
    Over.EPSILON: _Axis(x=lambda record: record.attack.epsilon if record.bounded else None, label=_radius, clean=0.0),
    Over.EFFORT: _Axis(
        x=lambda record: record.attack.effort.value if record.attack.effort else None,
        series=lambda record: (victim_key(record), attack_key(record.attack, any_effort=True)),
    ),
    Over.BITS: _Axis(
        x=lambda record: record.victim.model.bits,
        series=lambda record: (
            victim_key(record, any_size=True),
            attack_key(record.attack, any_size=True),
        ),
    ),
    Over.ITERATION: _Axis(),
    Over.JPEG: _Axis(),
}
