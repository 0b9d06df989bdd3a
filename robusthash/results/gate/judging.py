"""Judges results by rules: a pure function of records, rules and a baseline."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from robusthash.errors import UsageError
from robusthash.results.comparing.consistency import flagged
from robusthash.results.gate.baseline import Baseline, paired_values
from robusthash.results.gate.cells import Cell, Described, ReadValues, cells_of, choose
from robusthash.results.gate.facts import frozen
from robusthash.results.gate.notices import notices_of
from robusthash.results.gate.pairing import Pair, pair_up
from robusthash.results.gate.rules import Comparison, Level, Rule, fits
from robusthash.results.gate.settings import GateSettings
from robusthash.results.gate.statistics import Drops, detectable, holm, quantile, queries_to_decide
from robusthash.results.gate.values import read_scores
from robusthash.results.gate.verdict import Check, Difference, State, Undecided, Verdict
from robusthash.results.records.record import Record
from robusthash.results.records.stages import Against
from robusthash.results.records.store import ResultStore
from robusthash.results.rendering.escaping import visible

_NUMBERS = ("epsilon", "edits", "bits", "seed")  #: keys whose values are not told by their spelling


@dataclass(frozen=True, kw_only=True)
class Material:
    """What is judged.

    Attributes:
        records: all of the results, so that checks between them are made, too.
        read: reads the per-query values of a record.
        newest: take the newest where several models have one name.
    """

    records: Sequence[Record]
    read: ReadValues
    newest: bool = False


def stored_material(records: Iterable[Record], folder: Path, *, newest: bool = False) -> Material:
    """Records of a results folder, to be judged.

    Args:
        records: some or all of those in the folder.
        folder: where the values of their queries are.
        newest: take the newest where several models have one name.
    """
    store = ResultStore(folder)
    return Material(
        records=tuple(records),
        read=lambda record, name: read_scores(store.path_of(record).with_suffix(".npz"), name),
        newest=newest,
    )


def judge(
    material: Material,
    settings: GateSettings,
    baseline: Baseline | None = None,
    *,
    require_baseline: bool = False,
    undecided: Undecided | None = None,
) -> Verdict:
    """Judges results.

    Args:
        material: the results.
        settings: the rules, and how to judge.
        baseline: what drops are measured from; None on a first run.
        require_baseline: whether it is an error that a cell has no baseline.
        undecided: what inconclusive checks count as; None for themselves.

    Raises:
        UsageError: there are no rules, a rule names nothing, or a metric that was not measured; several models have
            one name; or a cell has no baseline and ``require_baseline`` is set.
        InputError: the baseline's cells are missing, or were measured otherwise; or per-query values cannot be read.
    """
    judged = [rule for rule in settings.rules if rule.level is not Level.OFF]
    if not judged:
        raise UsageError("there is no rule to judge by", hint='--fail-under "map[attack=strongest] >= 0.30"')
    trials = [
        _Trial.of(rule, pair)
        for rule, cells in _named(material, judged)
        for pair in (_pairs(rule, cells, baseline) if rule.comparison.relative else map(_single, cells))
    ]
    new = [one.pair.cell for one in trials if one.rule.comparison.relative and one.drops is None]
    if new and require_baseline:
        raise UsageError(
            f"there is no baseline of {len(new)} cells, such as {new[0]}",
            hint="robusthash baseline update writes it; --require-baseline forbids to go on without",
        )
    failing = {level: _threshold(trials, level, settings.confidence) for level in (Level.ERROR, Level.WARN)}
    passing = quantile((1 - settings.confidence) / 2)
    checks = tuple(_check(one, settings.allow, failing=failing[one.rule.level], passing=passing) for one in trials)
    return Verdict(
        checks=checks, notices=tuple(notices_of(checks)), confidence=settings.confidence, undecided=undecided
    )


def updated(material: Material, settings: GateSettings) -> list[Cell]:
    """The cells that a baseline holds: those that rules against a baseline name.

    Args:
        material: the results.
        settings: the rules.

    Raises:
        UsageError: no rule needs a baseline, or as for :func:`judge`.
    """
    relative = [rule for rule in settings.rules if rule.comparison.relative and rule.level is not Level.OFF]
    if not relative:
        raise UsageError("no rule compares with a baseline", hint="write one: map[attack=strongest] drop <= 0.02")
    kept: dict[Hashable, Cell] = {}
    for _, cells in _named(material, relative):
        kept |= {(frozen(cell.setting), frozen(cell.victim)): cell for cell in cells}
    return list(kept.values())


def _named(material: Material, rules: Iterable[Rule]) -> list[tuple[Rule, list[Cell]]]:
    """The cells that each rule names; at least one."""
    records = [Described(record, material.read) for record in flagged(material.records)]
    found = []
    for rule in rules:
        cells = choose(cells_of(records, rule), newest=material.newest)
        if not cells:
            raise _names_nothing(rule, records)
        found.append((rule, cells))
    return found


def _names_nothing(rule: Rule, records: Sequence[Described]) -> UsageError:
    """The error of a rule that names no cell; it says which of the filters matches nothing."""
    facts = [one for record in records for one in record.facts()]
    for key, pattern in rule.filters.items():
        values = sorted({one[key] for one in facts if key in one})
        if any(fits(key, value, pattern) for value in values):
            continue
        near = [] if key in _NUMBERS else get_close_matches(pattern, values, n=1, cutoff=0.5)
        hint = f"the results have {', '.join(values)}" if values else f"the results have no {key}"
        return UsageError(
            f"{rule.where}: no result has {key}={pattern}, which the rule {rule.text} names",
            hint=visible(f"did you mean {near[0]!r}? {hint}" if near else hint),
        )
    what = "result of a targeted attack" if rule.against is Against.TARGET else "result"
    return UsageError(
        f"{rule.where}: no {what} is named by the rule {rule.text}",
        hint="evaluate it, or change the rule; robusthash leaderboard shows what there is",
    )


def _pairs(rule: Rule, cells: list[Cell], baseline: Baseline | None) -> Iterable[Pair]:
    if baseline is None:
        return map(_single, cells)
    known = [
        cell
        for cell in baseline.cells
        if cell.setting["metric"] == rule.qualified
        and rule.selects(cell.facts)
        and not (cell.reference and "attack" in cell.setting and "attack" not in rule.filters)
    ]
    return pair_up(cells, known, baseline.path)


def _single(cell: Cell) -> Pair:
    return Pair(cell=cell, before=None)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """A cell that is judged by a rule, with its drops from the baseline, if there are any."""

    rule: Rule
    pair: Pair
    drops: Drops | None

    @classmethod
    def of(cls, rule: Rule, pair: Pair) -> "_Trial":
        if pair.before is None:
            return cls(rule=rule, pair=pair, drops=None)
        sign = 1 if rule.comparison is Comparison.DROP else -1
        both = zip(paired_values(pair.before), paired_values(pair.cell), strict=True)
        return cls(rule=rule, pair=pair, drops=Drops.of([sign * (before - now) for before, now in both]))


def _threshold(trials: Iterable[_Trial], level: Level, confidence: float) -> float:
    """The score that a drop must exceed to be too large. Rules that only warn do not make the others milder."""
    scores = [one.drops.surprise(one.rule.limit) for one in trials if one.drops and one.rule.level is level]
    return holm(scores, (1 - confidence) / 2)


def _check(trial: _Trial, allow: frozenset[str], *, failing: float, passing: float) -> Check:
    rule, pair = trial.rule, trial.pair
    if trial.drops is not None:
        number, difference = _decided(trial.drops, pair, rule.limit, failing=failing, passing=passing)
    elif rule.comparison.relative:
        number, difference = State.PASS, None
    else:
        kept = rule.comparison.holds(pair.cell.measure.value, rule.limit)
        number, difference = State.PASS if kept else State.FAIL, None
    allowed = allow | rule.allow
    return Check(
        rule=rule,
        cell=pair.cell,
        number=number,
        difference=difference,
        blocking=tuple(flag for flag in pair.cell.flags if flag.id not in allowed),
        allowed=tuple(flag for flag in pair.cell.flags if flag.id in allowed),
        changes=pair.changes,
    )


def _decided(drops: Drops, pair: Pair, limit: float, *, failing: float, passing: float) -> tuple[State, Difference]:
    assert pair.before is not None  # noqa: S101 - drops are of a pair
    score = drops.surprise(limit)
    if score > failing:
        state = State.FAIL
    elif score <= -passing or drops.equals(limit):
        state = State.PASS
    else:
        state = State.INCONCLUSIVE
    needed = queries_to_decide(drops, limit, failing=failing, passing=passing)
    return state, Difference(
        mean=drops.mean,
        low=drops.bound(failing),
        high=drops.bound(-passing),
        before=pair.before.measure.value,
        queries=drops.queries,
        needed=needed if state is State.INCONCLUSIVE else None,
        detectable=detectable(drops, limit, failing=failing),
    )
