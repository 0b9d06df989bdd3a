"""Builds the leaderboard, a pure function of records that ranks only what is comparable."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from robusthash.results.comparing.comparable import Comparable
from robusthash.results.comparing.consistency import flagged
from robusthash.results.comparing.judging import counts, strength
from robusthash.results.comparing.keys import AttackKey, VictimKey, attack_key, model_key, victim_key
from robusthash.results.comparing.naming import Names
from robusthash.results.leaderboard.board import Heading, Leaderboard, Row, RowKind, Section
from robusthash.results.leaderboard.standings import clean, ranked, standings
from robusthash.results.leaderboard.transfers import transfers
from robusthash.results.records.outcome import Score
from robusthash.results.records.parts import Access
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against, after_jpeg
from robusthash.specs import Goal, Role

_FLOORED = "map"  #: the metric of the stored floors
_FLOORS = (("anchor codes", "anchor"), ("random codes", "random"), ("worst possible", "worst"))


def build_leaderboard(records: Iterable[Record]) -> Leaderboard:
    """Groups records into sections and ranks them within each. Checks between records are among their flags.

    Args:
        records: any; comparable or not.
    """
    groups: dict[Heading, list[Record]] = defaultdict(list)
    for record in flagged(records):
        groups[_heading(record)].append(record)
    ordered = sorted(groups.items(), key=lambda item: tuple(asdict(item[0]).values()))
    return Leaderboard(sections=tuple(_section(heading, group) for heading, group in ordered))


def _heading(record: Record) -> Heading:
    attack = record.attack
    return Heading(**asdict(Comparable.of(record)), epsilon=attack.epsilon, threat=attack.threat)


def _section(heading: Heading, records: Sequence[Record]) -> Section:
    newest: dict[tuple[VictimKey, AttackKey], Record] = {}
    for record in sorted(records, key=lambda record: (record.created, record.digest)):
        newest[victim_key(record), attack_key(record.attack)] = record
    names = Names(newest)
    victims: dict[VictimKey, list[Record]] = defaultdict(list)
    for (victim, _), record in newest.items():
        victims[victim].append(record)
    placed = tuple(standings(victims, names)) if len(victims) > 1 else ()
    places = {one.model: i for i, one in reversed(list(enumerate(placed)))}
    named = [(names.victim(victim), group) for victim, group in victims.items()]
    named.sort(key=lambda one: (places.get(one[0], 0), one[0]))
    return Section(
        setting=heading,
        standings=placed,
        transfers=tuple(transfers(newest.values(), names)),
        rows=tuple(row for name, group in named for row in _rows(name, group, names)),
        superseded=len(records) - len(newest),
    )


def _rows(model: str, group: Sequence[Record], names: Names) -> Iterator[Row]:
    """The rows of one victim."""
    latest, targeted = group[-1], [record for record in group if record.attack.against is Against.TARGET]
    yield Row(
        kind=RowKind.CLEAN,
        model=model,
        label="clean queries",
        clean=clean(latest),
        score=latest.measure(CLEAN, against=Against.OWN),
        target=targeted[-1].measure(CLEAN, against=Against.TARGET) if targeted else None,
        **_searched(latest, CLEAN, Against.OWN),
        jpeg={
            quality: record.measure(after_jpeg(quality)[0], against=Against.OWN)
            for record in group
            for quality in record.scoring.qualities
        },
    )
    references = [record for record in group if record.attack.role is Role.REFERENCE]
    unbounded = [record for record in group if not record.bounded and record.attack.role is not Role.REFERENCE]
    for kind, unranked in ((RowKind.REFERENCE, references), (RowKind.UNBOUNDED, unbounded)):
        yield from (_attack_row(model, record, kind, None, names) for record in ranked(unranked, names))
    for access in Access:
        for goal in Goal:
            attacks = ranked((one for one in group if _competes(one, goal, access)), names)
            strengths = [strength(record) for record in attacks]
            for record, own in zip(attacks, strengths, strict=True):
                yield _attack_row(model, record, RowKind.ATTACK, 1 + strengths.index(own), names)
    if latest.scoring.headline == _FLOORED:
        yield from _floors(model, {**latest.outcome.floors, **(targeted[-1].outcome.floors if targeted else {})})


def _competes(record: Record, goal: Goal, access: Access) -> bool:
    """Whether an attack is ranked among those of this goal and access."""
    return record.attack.goal == goal and record.access is access and counts(record)


def _floors(model: str, floors: Mapping[Against, Mapping[str, float]]) -> Iterator[Row]:
    for label, name in _FLOORS:
        own, target = (
            Score(value=floors[against][name]) if name in floors.get(against, {}) else None for against in Against
        )
        if own or target:
            yield Row(kind=RowKind.FLOOR, model=model, label=label, score=own, target=target)


def _searched(record: Record, stage: str, against: Against) -> dict[str, Any]:
    """What the lists that an index returned are worth, and what they are approximations of."""
    exact, search = record.scoring.exact, record.outcome.search.get(stage, {})
    if exact is None:
        return {}
    found = {name: search[name] for name in ("recall", "returned") if name in search}
    return {"exact": record.measure(stage, metric=exact, against=against).value, **found}


def _attack_row(model: str, record: Record, kind: RowKind, rank: int | None, names: Names) -> Row:
    attack, cost, queries = record.attack, record.outcome.cost, max(1, record.dataset.queries)
    learning = {f"learning_{name}": value for name, value in asdict(cost.learning).items()} if cost.learning else {}
    return Row(
        kind=kind,
        model=model,
        label=names.attack(attack_key(attack)),
        goal=attack.goal,
        access=record.access,
        surrogate=names.surrogate(model_key(attack.surrogate)) if attack.surrogate else None,
        rank=rank,
        clean=clean(record),
        score=record.measure(against=Against.OWN),
        target=record.measure() if attack.against is Against.TARGET else None,
        **_searched(record, ADVERSARIAL, attack.against),
        jpeg={quality: record.measure(after_jpeg(quality)[1]) for quality in record.scoring.qualities},
        psnr=record.outcome.imagery.get("psnr"),
        seconds=cost.seconds / queries,
        queries=cost.queries / queries if cost.queries else None,
        **learning,
        flags=record.outcome.flags,
        record=record.digest,
    )
