"""The leaderboard: a pure function of records, that ranks only what may be compared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from robusthash.epsilon import format_epsilon
from robusthash.results.comparing.comparable import fields_of
from robusthash.results.comparing.consistency import inconsistencies
from robusthash.results.comparing.judging import counts, headline, judged, strength
from robusthash.results.comparing.naming import AttackKey, Names, VictimKey, attack_key, victim_key
from robusthash.results.leaderboard.board import Heading, Leaderboard, Row, RowKind, Score, Section, Standing
from robusthash.results.leaderboard.transfers import transfers
from robusthash.results.records.outcome import Measure
from robusthash.results.records.parts import Access
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against
from robusthash.specs import Goal, Role

_FLOORED = "map"  #: the metric that stored floors are of: over the whole list


def build_leaderboard(records: Iterable[Record]) -> Leaderboard:
    """Sorts records into sections and ranks within each; each record is flagged beside all the others."""
    everything = list(records)
    found = inconsistencies(everything)
    groups: dict[Heading, list[Record]] = defaultdict(list)
    for record in everything:
        flags = record.outcome.flags + found.get(record.digest, ())
        groups[_setting(record)].append(replace(record, outcome=replace(record.outcome, flags=flags)))
    ordered = sorted(groups.items(), key=lambda item: tuple(asdict(item[0]).values()))
    return Leaderboard(sections=tuple(_section(setting, group) for setting, group in ordered))


def _setting(record: Record) -> Heading:
    metric = headline(record)
    return Heading(
        **fields_of(record, metric, record.scoring.protocols[metric]),
        epsilon=record.attack.epsilon,
        threat=f"Linf {format_epsilon(record.attack.epsilon)}",
    )


def _section(setting: Heading, records: Sequence[Record]) -> Section:
    newest: dict[tuple[VictimKey, AttackKey], Record] = {}
    for record in sorted(records, key=lambda record: (record.created, record.digest)):
        newest[victim_key(record), attack_key(record)] = record
    names = Names(newest.values())
    victims: dict[VictimKey, list[Record]] = defaultdict(list)
    for (victim, _), record in newest.items():
        victims[victim].append(record)
    standings = tuple(_standings(victims, names, setting.metric)) if len(victims) > 1 else ()
    places = {one.model: i for i, one in reversed(list(enumerate(standings)))}
    ordered = sorted(
        victims.values(), key=lambda group: (places.get(names.victim(group[0]), 0), names.victim(group[0]))
    )
    rows = tuple(row for group in ordered for row in _rows(group, names, setting.metric))
    return Section(
        setting=setting,
        standings=standings,
        transfers=tuple(transfers(newest.values(), names, setting.metric)),
        rows=rows,
        superseded=len(records) - len(newest),
    )


def _rows(group: Sequence[Record], names: Names, metric: str) -> Iterator[Row]:
    """The rows of one victim."""
    latest, targeted = group[-1], [record for record in group if record.attack.goal == Goal.TARGETED]
    model = names.victim(latest)
    clean = latest.measure(CLEAN, metric=metric, against=Against.OWN)
    aimed = targeted[-1].measure(CLEAN, metric=metric, against=Against.TARGET) if targeted else None
    yield Row(
        kind=RowKind.CLEAN,
        model=model,
        label="clean queries",
        clean=clean.value,
        score=_score(clean),
        target=_score(aimed) if aimed else None,
    )
    noise = [record for record in group if record.attack.role is Role.REFERENCE]
    yield from (
        _attack_row(record, RowKind.NOISE, None, names, metric) for record in _by_strength(noise, names, metric)
    )
    unbounded = [record for record in group if not record.bounded and record.attack.role is not Role.REFERENCE]
    for record in _by_strength(unbounded, names, metric):
        yield _attack_row(record, RowKind.UNBOUNDED, None, names, metric)
    for access in Access:
        for goal in Goal:
            attacks = _by_strength(_attacks(group, goal, access), names, metric)
            strengths = [strength(record, metric) for record in attacks]
            for record, own in zip(attacks, strengths, strict=True):
                yield _attack_row(record, RowKind.ATTACK, 1 + strengths.index(own), names, metric)
    if metric != _FLOORED:
        return
    floors = {**latest.outcome.floors, **(targeted[-1].outcome.floors if targeted else {})}
    for label, name in (("anchor codes", "anchor"), ("random codes", "random"), ("worst possible", "worst")):
        score, target = (_floor(floors.get(against, {}), name) for against in Against)
        if score or target:
            yield Row(kind=RowKind.FLOOR, model=model, label=label, score=score, target=target)


def _attack_row(record: Record, kind: RowKind, rank: int | None, names: Names, metric: str) -> Row:
    queries, cost = max(1, record.dataset.queries), record.outcome.cost
    targeted = record.attack.against is Against.TARGET
    return Row(
        kind=kind,
        model=names.victim(record),
        label=names.attack(record),
        goal=record.attack.goal,
        access=record.access,
        surrogate=names.surrogate(record.attack.surrogate) if record.attack.surrogate else None,
        rank=rank,
        clean=record.measure(CLEAN, metric=metric, against=Against.OWN).value,
        score=_score(record.measure(metric=metric, against=Against.OWN)),
        target=_score(record.measure(metric=metric)) if targeted else None,
        psnr=record.outcome.imagery.get("psnr"),
        seconds=cost.seconds / queries,
        queries=cost.queries / queries if cost.queries else None,
        flags=record.outcome.flags,
        record=record.digest,
    )


def _standings(victims: dict[VictimKey, list[Record]], names: Names, metric: str) -> Iterator[Standing]:
    """Victims by their score under the strongest white-box attack that all who are ranked have.

    A victim is ranked if it has the ensemble ``strongest``, where any victim has it: a single attack that another one
    has besides would say less. Without the ensemble it must have every attack.
    """
    for goal in Goal:
        attacks = {
            key: {names.attack(record): record for record in _attacks(group, goal, Access.WHITE_BOX)}
            for key, group in victims.items()
        }
        everything = {name: record for found in attacks.values() for name, record in found.items()}
        if not everything:
            continue
        ensembles = {name for name, record in everything.items() if record.attack.role is Role.YARDSTICK}
        needed = ensembles or set(everything)
        lacks = {key: tuple(sorted(needed - set(found))) for key, found in attacks.items()}
        complete = [key for key in victims if not lacks[key]]
        shared = set(everything).intersection(*(attacks[key] for key in complete))
        strongest = {
            key: _by_strength([attacks[key][name] for name in sorted(shared)], names, metric)[0] for key in complete
        }
        strengths = sorted((strength(record, metric) for record in strongest.values()), reverse=True)
        standings = []
        for key, group in victims.items():
            record = strongest.get(key)
            standings.append(
                Standing(
                    goal=goal,
                    rank=1 + strengths.index(strength(record, metric)) if record else None,
                    model=names.victim(group[0]),
                    clean=group[-1].measure(CLEAN, metric=metric, against=Against.OWN).value,
                    worst=_score(judged(record, ADVERSARIAL, metric)) if record else None,
                    attack=names.attack(record) if record else None,
                    lacks=lacks[key],
                )
            )
        yield from sorted(standings, key=lambda one: (one.rank is None, one.rank or 0, one.model))


def _attacks(group: Iterable[Record], goal: Goal, access: Access) -> list[Record]:
    """Those that are ranked with each other."""
    return [record for record in group if record.attack.goal == goal and record.access is access and counts(record)]


def _by_strength(records: Iterable[Record], names: Names, metric: str) -> list[Record]:
    return sorted(records, key=lambda record: (strength(record, metric), names.attack(record)))


def _floor(floors: Mapping[str, float], name: str) -> Score | None:
    return Score(value=floors[name]) if name in floors else None


def _score(measure: Measure) -> Score:
    return Score(**asdict(measure))
