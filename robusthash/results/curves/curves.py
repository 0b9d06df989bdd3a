"""Sweeps: a pure function of records, that joins those which differ in one thing alone into series of points."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from robusthash.epsilon import format_epsilon
from robusthash.errors import InputError, UsageError
from robusthash.results.comparing.comparable import Comparable, fields_of
from robusthash.results.comparing.consistency import inconsistencies
from robusthash.results.comparing.judging import headline, judged
from robusthash.results.comparing.naming import AttackKey, Names, VictimKey, attack_key, victim_key
from robusthash.results.records.arrays import TRACE
from robusthash.results.records.outcome import Flag
from robusthash.results.records.parts import ModelUse
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN
from robusthash.specs import Role
from robusthash.storage import digest

if TYPE_CHECKING:
    import numpy as np

HAMMING = "hamming"  #: what is shown over the iterations

_CHECKPOINT = "checkpoint"  #: in a model's options: the name of its file, which is another for each code length
_NO_BITS = " 0 bit"  #: in the name of a victim whose code length is left open
_TWO_SIDED = 1.96  #: standard errors on either side of a mean, for 95 % of the normal law

SeriesKey = tuple[VictimKey, AttackKey]
TraceOf = Callable[[Record], "np.ndarray | None"]


class Over(StrEnum):
    """What differs along a series."""

    EPSILON = "epsilon"
    STEPS = "steps"  #: the attack's option of that name
    BITS = "bits"  #: the code length; every point is another victim
    ITERATION = "iteration"  #: within one run of an attack


@dataclass(frozen=True, kw_only=True)
class Common(Comparable):
    """What the points of one panel have in common, and without which they would not be comparable.

    Its metric is ``map``, ``t-map`` ...; ``hamming`` over iterations.

    Attributes:
        goal: of the attacks.
        epsilon: radius of the L-infinity ball; None over epsilon.
    """

    goal: str
    epsilon: float | None


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of a series.

    Attributes:
        x: where it stands.
        label: the same as people write it.
        value: mean over the queries.
        low: lower end of its 95 % interval; None if there is none.
        high: upper end.
        flags: soundness checks that failed, of the record and beside the others; none over iterations, where they
            are about the last point alone.
        record: digest of the record it comes from.
    """

    x: float
    label: str
    value: float
    low: float | None
    high: float | None
    flags: tuple[Flag, ...]
    record: str


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points that differ in x alone.

    Attributes:
        victim: as named in this panel; without its code length over bits.
        attack: as named in this panel, with what it was crafted on if that is not the victim.
        reference: whether it is noise, which every attack is read against.
        points: by rising x, at least two.
    """

    victim: str
    attack: str
    reference: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Series that may be compared.

    Attributes:
        common: what their points have in common.
        series: victim after victim, noise first.
        superseded: older records of shown points, and not shown.
    """

    common: Common
    series: tuple[Series, ...]
    superseded: int


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Panels, of which no two are comparable.

    Attributes:
        over: what differs along each series.
        panels: none is empty.
    """

    over: Over
    panels: tuple[Panel, ...]


def build_curves(records: Iterable[Record], over: Over, *, trace_of: TraceOf | None = None) -> Curves:
    """Sorts records into panels, joins them into series, and leaves out those that no series of two can hold.

    Over epsilon the clean queries are the point at 0 of every series that has two points of its own; attacks that are
    not held to epsilon have no place there. Of several records of one point the newest counts.

    Args:
        records: any.
        over: what differs along a series.
        trace_of: reads the array ``trace`` of a record: (queries, steps + 1) int, bits between code and aim after so
            many steps, -1 where there is none. None for a record without it. Needed over iterations alone.

    Raises:
        UsageError: over iterations, without ``trace_of``.
        InputError: a trace is no such array.
    """
    if over is Over.ITERATION and trace_of is None:
        raise UsageError("curves over iterations are made from stored arrays", hint="say how to read them: trace_of")
    everything = list(records)
    found = inconsistencies(everything)
    groups: dict[Common, list[Record]] = defaultdict(list)
    for record in everything:
        flags = record.outcome.flags + found.get(record.digest, ())
        groups[_common(record, over)].append(replace(record, outcome=replace(record.outcome, flags=flags)))
    panels = (_panel(common, group, over, trace_of) for common, group in groups.items())
    shown = (panel for panel in panels if panel.series)
    return Curves(over=over, panels=tuple(sorted(shown, key=lambda panel: tuple(asdict(panel.common).values()))))


def _common(record: Record, over: Over) -> Common:
    metric = headline(record)
    shown, protocol = record.attack.against.qualify(metric), record.scoring.protocols[metric]
    if over is Over.ITERATION:
        shown, protocol = HAMMING, "hamming/to-aim"
    return Common(
        **fields_of(record, shown, protocol),
        goal=record.attack.goal,
        epsilon=None if over is Over.EPSILON else record.attack.epsilon,
    )


def _panel(common: Common, records: Sequence[Record], over: Over, trace_of: TraceOf | None) -> Panel:
    open_x = {record.digest: _AXES[over].rest(record) if over in _AXES else record for record in records}
    groups: dict[SeriesKey, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: (record.created, record.digest)):
        one = open_x[record.digest]
        groups[victim_key(one), attack_key(one)].append(record)
    found: list[tuple[Record, tuple[Point, ...]]] = []
    superseded = 0
    for group in groups.values():
        points, older = _traced(group, trace_of) if trace_of and over is Over.ITERATION else _swept(group, over)
        if points:
            found.append((open_x[group[-1].digest], points))
            superseded += older
    names = Names(one for one, _ in found)  # what was left out would only lengthen them
    series = [
        Series(
            victim=names.victim(one).replace(_NO_BITS, ""),
            attack=names.attack(one).replace(_NO_BITS, ""),
            reference=one.attack.role is Role.REFERENCE,
            points=points,
        )
        for one, points in found
    ]
    series.sort(key=lambda one: (one.victim, not one.reference, one.attack))
    return Panel(common=common, series=tuple(series), superseded=superseded)


def _swept(records: Sequence[Record], over: Over) -> tuple[tuple[Point, ...], int]:
    """The points of records from old to new, and how many of these were replaced; no points if there are not two."""
    newest: dict[str, tuple[float, Record]] = {}
    superseded = 0
    for record in records:
        x = _AXES[over].x(record)
        if x is None:
            continue
        label = _label(x, over)
        superseded += label in newest
        newest[label] = (x, record)
    if len(newest) < 2:
        return (), 0
    points = [_point(x, label, record, ADVERSARIAL) for label, (x, record) in newest.items()]
    if over is Over.EPSILON and _label(0, over) not in newest:
        points.append(_point(0, _label(0, over), records[-1], CLEAN))
    return tuple(sorted(points, key=lambda point: point.x)), superseded


def _point(x: float, label: str, record: Record, stage: str) -> Point:
    measure = judged(record, stage, headline(record))
    return Point(
        x=x,
        label=label,
        value=measure.value,
        low=measure.low,
        high=measure.high,
        flags=record.outcome.flags if stage != CLEAN else (),
        record=record.digest,
    )


def _traced(records: Sequence[Record], trace_of: TraceOf) -> tuple[tuple[Point, ...], int]:
    """The points of the newest record with a trace, and how many are older than it."""
    for older in reversed(range(len(records))):
        record = records[older]
        trace = trace_of(record)
        points = () if trace is None else tuple(_means(record, trace))
        if len(points) > 1:
            return points, older
    return (), 0


def _means(record: Record, trace: "np.ndarray") -> Iterator[Point]:
    """Mean over the queries after each step, with the interval of the normal law."""
    if trace.ndim != 2 or trace.dtype.kind not in "iu":
        raise InputError(
            f"the array {TRACE} of record {record.digest[:12]} is {trace.dtype} of shape {trace.shape}, "
            "not (queries, steps + 1) whole numbers",
            hint="evaluate again with --force",
        )
    for step in range(trace.shape[1]):
        bits = trace[:, step][trace[:, step] >= 0]
        if not len(bits):
            continue
        mean = float(bits.mean())
        reach = _TWO_SIDED * float(bits.std(ddof=1)) / len(bits) ** 0.5 if len(bits) > 1 else None
        yield Point(
            x=step,
            label=_label(step, Over.ITERATION),
            value=mean,
            low=None if reach is None else max(0.0, mean - reach),
            high=None if reach is None else mean + reach,
            flags=(),
            record=record.digest,
        )


def _label(x: float, over: Over) -> str:
    return format_epsilon(x) if over is Over.EPSILON else f"{x:.0f}"


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """One thing that records may differ in.

    Attributes:
        x: its value; None for a record that has none.
        rest: the record but for it: what two points of one series agree on.
    """

    x: Callable[[Record], float | None]
    rest: Callable[[Record], Record]


def _epsilon(record: Record) -> float | None:
    return record.attack.epsilon if record.bounded else None


def _steps(record: Record) -> float | None:
    return record.attack.effort.value if record.attack.effort else None


def _without_steps(record: Record) -> Record:
    effort = record.attack.effort
    options = {name: value for name, value in record.attack.options.items() if not effort or name != effort.option}
    return replace(record, attack=replace(record.attack, options=options))


def _without_bits(record: Record) -> Record:
    surrogate = _any_length(record.attack.surrogate) if record.attack.surrogate else None
    return replace(
        record,
        victim=replace(record.victim, model=_any_length(record.victim.model)),
        attack=replace(record.attack, surrogate=surrogate),
    )


def _any_length(model: ModelUse) -> ModelUse:
    """A model of any code length. Its weights differ from length to length: how they were made stands for them."""
    options = {name: value for name, value in model.options.items() if name != _CHECKPOINT}
    return replace(model, size=0, digest=digest({"backbone": model.backbone, "options": options}))


_AXES: Mapping[Over, _Axis] = {
    Over.EPSILON: _Axis(x=_epsilon, rest=lambda record: record),
    Over.STEPS: _Axis(x=_steps, rest=_without_steps),
    Over.BITS: _Axis(x=lambda record: record.victim.model.bits, rest=_without_bits),
}
