"""Soundness checks between records: findings that no single record shows."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from robusthash.epsilon import format_epsilon
from robusthash.results.comparing.comparable import Comparable
from robusthash.results.comparing.judging import counts, strength
from robusthash.results.comparing.keys import ModelKey, PluginKey, attack_key, method_key, model_key, victim_key
from robusthash.results.records.outcome import Flag
from robusthash.results.records.parts import Access, Effort
from robusthash.results.records.record import Record

SLACK = 0.01  #: of the metric; smaller differences are attributed to chance


def inconsistencies(records: Iterable[Record]) -> Mapping[str, tuple[Flag, ...]]:
    """The failed checks between comparable records of the same victim and goal.

    ========  ========================================================================
    RH011     white-box, and weaker than the same attack with a smaller epsilon
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
    groups: dict[Hashable, list[_Trial]] = defaultdict(list)
    for record in _newest(records):
        groups[_setting(record)].append(_Trial.of(record))
    flags: dict[str, tuple[Flag, ...]] = {}
    for group in groups.values():
        kin = _Kin(group)
        flags |= {trial.record.digest: tuple(_failed(trial, kin)) for trial in group}
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
class _Trial:
    """A record, with what it is compared by.

    Attributes:
        record: the record.
        strength: the smaller, the stronger.
        method: the attack.
        endless: the attack, with its effort left open.
        effort: of the attack, if it declares one.
        surrogate: the model that it was crafted on; None if that is the victim.
    """

    record: Record
    strength: float
    method: PluginKey
    endless: PluginKey
    effort: Effort | None
    surrogate: ModelKey | None

    @classmethod
    def of(cls, record: Record) -> "_Trial":
        attack = record.attack
        return cls(
            record=record,
            strength=strength(record),
            method=method_key(attack),
            endless=method_key(attack, any_effort=True),
            effort=attack.effort,
            surrogate=model_key(attack.surrogate) if attack.surrogate else None,
        )

    @property
    def value(self) -> float:
        return self.record.measure().value

    @property
    def epsilon(self) -> float:
        return self.record.attack.epsilon


def _newest(records: Iterable[Record]) -> Iterable[Record]:
    """The newest record of each cell whose attack is ranked."""
    kept: dict[Hashable, Record] = {}
    for record in sorted(records, key=lambda record: (record.created, record.digest)):
        if counts(record):
            kept[_setting(record), attack_key(record.attack), record.attack.epsilon] = record
    return kept.values()


def _setting(record: Record) -> Hashable:
    """What two records must share for a check between them."""
    return Comparable.of(record), victim_key(record.victim), record.attack.goal


class _Kin:
    """The trials of one group by attack: a check is between trials of one attack, and a group may have hundreds."""

    def __init__(self, group: Iterable[_Trial]) -> None:
        self._kin: dict[PluginKey, list[_Trial]] = defaultdict(list)
        for trial in group:
            self._kin[trial.endless].append(trial)

    def of(self, trial: _Trial) -> list[_Trial]:
        """The trials of the same attack, whatever their effort."""
        return self._kin[trial.endless]


def _failed(trial: _Trial, kin: _Kin) -> Iterator[Flag]:
    near = kin.of(trial)
    for name, contradicts, beside in _CHECKS:
        rivals = [other for other in near if contradicts(trial, other)]
        best = min(rivals, key=lambda other: (other.strength, other.record.digest), default=None)
        # Rounded, so that a difference of exactly the slack is not over it by the last bit of a float.
        if best is not None and round(trial.strength - best.strength, 9) > SLACK:
            yield Flag(
                id=name,
                message=f"weaker than the same attack {beside(best)} ({trial.value:.3f} against {best.value:.3f})",
            )


def _has_smaller_ball(trial: _Trial, other: _Trial) -> bool:
    white_box = trial.record.access is Access.WHITE_BOX and other.record.access is Access.WHITE_BOX
    return white_box and other.method == trial.method and other.epsilon < trial.epsilon


def _has_less_effort(trial: _Trial, other: _Trial) -> bool:
    # More steps may overfit the surrogate: that they cost transfer is a finding, not a defect.
    access = trial.record.access
    if access is Access.TRANSFER or other.record.access is not access or trial.effort is None or other.effort is None:
        return False
    alike = other.endless == trial.endless and other.epsilon == trial.epsilon and other.surrogate == trial.surrogate
    return alike and other.effort.option == trial.effort.option and other.effort.value < trial.effort.value


def _is_transferred(trial: _Trial, other: _Trial) -> bool:
    crosses = trial.record.access is Access.WHITE_BOX and other.record.access is Access.TRANSFER
    return crosses and other.method == trial.method and other.epsilon == trial.epsilon


def _epsilon(trial: _Trial) -> str:
    return f"at epsilon {format_epsilon(trial.epsilon)}"


def _effort(trial: _Trial) -> str:
    return f"with {trial.effort.value:g} {trial.effort.option}" if trial.effort else "with less effort"


def _surrogate(trial: _Trial) -> str:
    return f"crafted on {trial.surrogate}" if trial.surrogate else "white-box"


_CHECKS: tuple[tuple[str, Callable[[_Trial, _Trial], bool], Callable[[_Trial], str]], ...] = (
    ("RH011", _has_smaller_ball, _epsilon),
    ("RH012", _has_less_effort, _effort),
    ("RH013", _is_transferred, _surrogate),
)
