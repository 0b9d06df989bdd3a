"""The leaderboard: a pure function of records, that ranks only what may be compared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from robusthash.epsilon import format_epsilon
from robusthash.results.board import Kind, Leaderboard, Row, Score, Section, Setting, Standing
from robusthash.results.naming import AttackKey, Names, VictimKey, attack_key, victim_key
from robusthash.results.record import Measure, Record
from robusthash.specs import Goal

NOISE = "noise"  #: the attack that every other one is shown beside, and is not ranked with
HEADLINE = "map"  #: the metric shown, where a record has it


def build(records: Iterable[Record]) -> Leaderboard:
    """Sorts records into sections and ranks within each."""
    groups: dict[Setting, list[Record]] = defaultdict(list)
    for record in records:
        groups[_setting(record)].append(record)
    ordered = sorted(groups.items(), key=lambda item: tuple(asdict(item[0]).values()))
    return Leaderboard(sections=tuple(_section(setting, group) for setting, group in ordered))


def _setting(record: Record) -> Setting:
    metric = HEADLINE if HEADLINE in record.protocols else min(record.protocols)
    dataset = record.dataset
    return Setting(
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        queries=dataset.queries,
        query_digest=dataset.query_digest,
        database=dataset.database,
        metric=metric,
        protocol=record.protocols[metric],
        relevance=record.relevance,
        seed=record.seed,
        epsilon=record.epsilon,
        threat=f"Linf {format_epsilon(record.epsilon)}",
    )


def _section(setting: Setting, records: Sequence[Record]) -> Section:
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
    return Section(setting=setting, standings=standings, rows=rows, superseded=len(records) - len(newest))


def _rows(group: Sequence[Record], names: Names, metric: str) -> Iterator[Row]:
    """The rows of one victim."""
    latest, targeted = group[-1], [record for record in group if record.goal == Goal.TARGETED]
    model = names.victim(latest)
    clean = latest.metrics["clean"][metric]
    aimed = targeted[-1].metrics["clean"][f"t-{metric}"] if targeted else None
    yield Row(
        kind=Kind.CLEAN,
        model=model,
        label="clean queries",
        clean=clean.value,
        score=_score(clean),
        target=_score(aimed) if aimed else None,
    )
    noise = [record for record in group if record.attack.name == NOISE]
    yield from (_attack_row(record, Kind.NOISE, None, names, metric) for record in _by_strength(noise, names, metric))
    unbounded = [record for record in group if not record.bounded and record.attack.name != NOISE]
    for record in _by_strength(unbounded, names, metric):
        yield _attack_row(record, Kind.UNBOUNDED, None, names, metric)
    for goal in Goal:
        attacks = _by_strength(_attacks(group, goal), names, metric)
        strengths = [_strength(record, metric) for record in attacks]
        for record, strength in zip(attacks, strengths, strict=True):
            yield _attack_row(record, Kind.ATTACK, 1 + strengths.index(strength), names, metric)
    floors = dict(latest.floors) | (dict(targeted[-1].floors) if targeted else {})
    for label, plain, aim in (
        ("anchor codes", None, "t-anchor"),
        ("random codes", "random", "t-random"),
        ("worst possible", "worst", None),
    ):
        score, target = (Score(value=floors[name]) if name in floors else None for name in (plain, aim))
        # The stored floors are those of MAP over the whole list, and say nothing about another metric.
        if metric == HEADLINE and (score or target):
            yield Row(kind=Kind.FLOOR, model=model, label=label, score=score, target=target)


def _attack_row(record: Record, kind: Kind, rank: int | None, names: Names, metric: str) -> Row:
    after = record.metrics["adversarial"]
    return Row(
        kind=kind,
        model=names.victim(record),
        label=names.attack(record),
        goal=record.goal,
        rank=rank,
        clean=record.metrics["clean"][metric].value,
        score=_score(after[metric]),
        target=_score(after[f"t-{metric}"]) if record.goal == Goal.TARGETED else None,
        psnr=record.imagery.get("psnr"),
        seconds=record.cost.seconds / max(1, record.dataset.queries),
        flags=record.flags,
        record=record.digest,
    )


def _standings(victims: dict[VictimKey, list[Record]], names: Names, metric: str) -> Iterator[Standing]:
    """Victims by their score under the strongest attack, where all have the same attacks."""
    for goal in Goal:
        attacks = {key: _attacks(group, goal) for key, group in victims.items()}
        everything = {names.attack(record) for group in attacks.values() for record in group}
        if not everything:
            continue
        lacks = {
            key: tuple(sorted(everything - {names.attack(record) for record in group}))
            for key, group in attacks.items()
        }
        strongest = {key: _by_strength(attacks[key], names, metric)[0] for key in victims if not lacks[key]}
        strengths = sorted((_strength(record, metric) for record in strongest.values()), reverse=True)
        standings = []
        for key, group in victims.items():
            record = strongest.get(key)
            standings.append(
                Standing(
                    goal=goal,
                    rank=1 + strengths.index(_strength(record, metric)) if record else None,
                    model=names.victim(group[0]),
                    clean=group[-1].metrics["clean"][metric].value,
                    worst=_score(_outcome(record, metric)) if record else None,
                    attack=names.attack(record) if record else None,
                    lacks=lacks[key],
                )
            )
        yield from sorted(standings, key=lambda one: (one.rank is None, one.rank or 0, one.model))


def _attacks(group: Iterable[Record], goal: Goal) -> list[Record]:
    """Those that are ranked."""
    return [record for record in group if record.goal == goal and record.bounded and record.attack.name != NOISE]


def _by_strength(records: Iterable[Record], names: Names, metric: str) -> list[Record]:
    return sorted(records, key=lambda record: (_strength(record, metric), names.attack(record)))


def _strength(record: Record, metric: str) -> float:
    """What to sort by: smaller is a stronger attack, larger a more robust victim."""
    value = _outcome(record, metric).value
    return -value if record.goal == Goal.TARGETED else value


def _outcome(record: Record, metric: str) -> Measure:
    """What an attack is judged by: relevance to the target labels if it has any."""
    return record.metrics["adversarial"][f"t-{metric}" if record.goal == Goal.TARGETED else metric]


def _score(measure: Measure) -> Score:
    return Score(**asdict(measure))
