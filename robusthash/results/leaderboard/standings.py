"""Ranks the victims of a section by robustness."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from robusthash.results.comparing.judging import counts, strength
from robusthash.results.comparing.keys import VictimKey, attack_key
from robusthash.results.comparing.naming import Names
from robusthash.results.leaderboard.board import Standing
from robusthash.results.records.parts import Access
from robusthash.results.records.record import Record
from robusthash.results.records.stages import CLEAN, Against
from robusthash.specs import Goal, Role


def standings(victims: Mapping[VictimKey, Sequence[Record]], names: Names) -> Iterator[Standing]:
    """Ranks victims by their score under the strongest white-box attack that all ranked victims have in common.

    If any victim was attacked with a yardstick, victims need it for a rank; further attacks are optional. Otherwise a
    victim needs every attack that another victim has.

    Args:
        victims: records of each victim, from old to new, one per attack.
        names: of the section.
    """
    for goal in Goal:
        attacks = {
            victim: {attack_key(record.attack): record for record in group if _decides(record, goal)}
            for victim, group in victims.items()
        }
        everything = {key: record for found in attacks.values() for key, record in found.items()}
        if not everything:
            continue
        yardsticks = {key for key, record in everything.items() if record.attack.role is Role.YARDSTICK}
        needed = yardsticks or set(everything)
        lacks = {
            victim: tuple(sorted(names.attack(key) for key in needed - set(found))) for victim, found in attacks.items()
        }
        complete = [victim for victim in victims if not lacks[victim]]
        shared = set(everything).intersection(*(attacks[victim] for victim in complete))
        strongest = {victim: ranked((attacks[victim][key] for key in shared), names)[0] for victim in complete}
        strengths = sorted((strength(record) for record in strongest.values()), reverse=True)
        found = []
        for victim, group in victims.items():
            record = strongest.get(victim)
            found.append(
                Standing(
                    goal=goal,
                    rank=1 + strengths.index(strength(record)) if record else None,
                    model=names.victim(victim),
                    clean=clean(group[-1]),
                    worst=record.measure() if record else None,
                    attack=names.attack(attack_key(record.attack)) if record else None,
                    lacks=lacks[victim],
                )
            )
        yield from sorted(found, key=lambda one: (one.rank is None, one.rank or 0, one.model))


def ranked(records: Iterable[Record], names: Names) -> list[Record]:
    """Sorts records of a victim, the strongest attack first."""
    by_name = sorted(records, key=lambda record: names.attack(attack_key(record.attack)))
    return sorted(by_name, key=strength)


def clean(record: Record) -> float:
    """The headline of the clean queries against their own labels."""
    return record.measure(CLEAN, against=Against.OWN).value


def _decides(record: Record, goal: Goal) -> bool:
    return record.attack.goal == goal and record.access is Access.WHITE_BOX and counts(record)
