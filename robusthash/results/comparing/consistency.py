"""Soundness checks between records: findings that no single record shows."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from robusthash.results.comparing.comparable import Comparable
from robusthash.results.comparing.judging import counts, strength
from robusthash.results.comparing.keys import attack_key, method_key, model_key, victim_key
from robusthash.results.records.outcome import Flag
from robusthash.results.records.parts import Access
from robusthash.results.records.record import Record

SLACK = 0.01  #: of the metric; smaller differences are attributed to chance


def inconsistencies(records: Iterable[Record]) -> Mapping[str, tuple[Flag, ...]]:
    """The failed checks between comparable records of the same victim and goal.

    ========  ========================================================================
    RH011     white-box, and weaker than the same attack with a smaller radius
    RH012     weaker than the same attack with less effort, all other options being equal
    RH013     white-box, and weaker than the same attack crafted on another model
    ========  ========================================================================

    Weaker means by more than :data:`SLACK`. The flag is on the record that is weaker than it should be, and names the
    strongest record that contradicts it. References such as noise and unbounded attacks take no part, nor do older
    records of a cell that was evaluated again.

    Args:
        records: any; comparable or not.

    Returns:
        Failed checks by the digest of the record, for records that have any.
    """
    newest = list(_newest(records))
    flags: dict[str, tuple[Flag, ...]] = defaultdict(tuple)
    for check in _CHECKS:
        groups: dict[Hashable, list[Record]] = defaultdict(list)
        for record in newest:
            groups[_setting(record), check.alike(record)].append(record)
        for group in groups.values():
            for record in group:
                flags[record.digest] += tuple(_failed(check, record, group))
    return {digest: failed for digest, failed in flags.items() if failed}


def flagged(records: Iterable[Record]) -> list[Record]:
    """The records, with the failed checks between them added to their flags."""
    everything = list(records)
    found = inconsistencies(everything)
    return [
        replace(record, outcome=replace(record.outcome, flags=record.outcome.flags + found.get(record.digest, ())))
        for record in everything
    ]


@dataclass(frozen=True, kw_only=True)
class _Check:
    """A check between records.

    Attributes:
        id: of its flag.
        alike: what two records must share for it, besides dataset, victim and goal.
        contradicts: whether the first record must not be weaker than the second.
        beside: what the second differs in, for the message.
    """

    id: str
    alike: Callable[[Record], Hashable]
    contradicts: Callable[[Record, Record], bool]
    beside: Callable[[Record], str]


def _newest(records: Iterable[Record]) -> Iterable[Record]:
    """The newest record of each cell whose attack is ranked."""
    kept: dict[Hashable, Record] = {}
    for record in sorted(records, key=lambda record: (record.created, record.digest)):
        if counts(record):
            kept[_setting(record), attack_key(record.attack), record.attack.epsilon] = record
    return kept.values()


def _setting(record: Record) -> Hashable:
    """What two records must share for a check between them."""
    return Comparable.of(record), victim_key(record), record.attack.goal


def _failed(check: _Check, record: Record, group: Iterable[Record]) -> Iterator[Flag]:
    rivals = [other for other in group if check.contradicts(record, other)]
    best = min(rivals, key=lambda other: (strength(other), other.digest), default=None)
    # Rounded, so that a difference of exactly the slack is not over it by the last bit of a float.
    if best is not None and round(strength(record) - strength(best), 9) > SLACK:
        found = f"{record.measure().value:.3f} against {best.measure().value:.3f}"
        yield Flag(id=check.id, message=f"weaker than the same attack {check.beside(best)} ({found})")


def _has_smaller_ball(record: Record, other: Record) -> bool:
    white_box = record.access is Access.WHITE_BOX and other.access is Access.WHITE_BOX
    return white_box and other.attack.epsilon < record.attack.epsilon


def _endless(record: Record) -> Hashable:
    """The attack with its effort left open, and what else decides how strong it is."""
    attack = record.attack
    option = attack.effort.option if attack.effort else None
    return attack_key(attack, any_effort=True), record.access, attack.epsilon, option


def _has_less_effort(record: Record, other: Record) -> bool:
    # More steps may overfit the surrogate: that they cost transfer is a finding, not a defect.
    effort, less = record.attack.effort, other.attack.effort
    if record.access is Access.TRANSFER or effort is None or less is None:
        return False
    return less.value < effort.value


def _is_transferred(record: Record, other: Record) -> bool:
    return record.access is Access.WHITE_BOX and other.access is Access.TRANSFER


def _effort(record: Record) -> str:
    effort = record.attack.effort
    return f"with {effort.value:g} {effort.option}" if effort else "with less effort"


def _surrogate(record: Record) -> str:
    surrogate = record.attack.surrogate
    return f"crafted on {model_key(surrogate)}" if surrogate else "white-box"


_CHECKS = (
    _Check(
        id="RH011",
        alike=lambda record: method_key(record.attack),
        contradicts=_has_smaller_ball,
        beside=lambda record: f"at {record.attack.radius.told}",
    ),
    _Check(id="RH012", alike=_endless, contradicts=_has_less_effort, beside=_effort),
    _Check(
        id="RH013",
        alike=lambda record: (method_key(record.attack), record.attack.epsilon),
        contradicts=_is_transferred,
        beside=_surrogate,
    ),
)
