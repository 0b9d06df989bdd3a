"""What the fixture gives: a gate for models, which says in words why a test fails."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from robusthash.errors import RobustHashWarning, UsageError
from robusthash.results import Against, Record
from robusthash.results.gate import (
    Comparison,
    GateSettings,
    Place,
    Rule,
    State,
    Undecided,
    Verdict,
    judge,
    merge_baseline,
    read_baseline,
    stored_material,
    to_text,
    updated,
)
from robusthash.specs import Role

if TYPE_CHECKING:
    from robusthash.contracts import Attack

__all__ = ["Gate", "Gated", "Measured", "Setup"]

_CHEAPEST = "noise"  #: the attack that is run where only the clean queries are asked for
_OWN = ("name", "allow")  #: settings of the gate; the others are those of an evaluation


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all gates of a session share.

    Attributes:
        results: folder of the records.
        baseline: file that drops are measured from.
        update: write what is measured into the baseline, and judge no drop.
        require: a drop without a baseline is an error.
        undecided: what an inconclusive drop counts as.
    """

    results: Path
    baseline: Path
    update: bool
    require: bool
    undecided: Undecided


class Gate:
    """The value of the fixture ``robusthash_gate``.

    Args:
        setup: of the session.
        settings: of the test's marker.
    """

    def __init__(self, setup: Setup, settings: dict[str, Any]) -> None:
        self._setup, self._settings = setup, settings

    def __call__(self, model: Any, **settings: Any) -> "Gated":
        """A model to be gated. Nothing is evaluated yet.

        Args:
            model: as for :func:`robusthash.evaluate`: a registered name, a checkpoint, or a hash model.
            settings: as for :func:`robusthash.evaluate`, such as ``dataset``, ``queries`` and ``epsilons``; they
                override those of the marker. Two are the gate's own: ``name``, by which a model in memory is known in
                the baseline, and ``allow``, ids of soundness checks that may fail.
        """
        return Gated(model, self._setup, {**self._settings, **settings})


class Gated:
    """A model, and how it is evaluated."""

    def __init__(self, model: Any, setup: Setup, settings: dict[str, Any]) -> None:
        self._setup = setup
        self._own = {name: settings.pop(name) for name in _OWN if name in settings}
        self._settings = settings
        self._model = _named(model, self._own.get("name"))

    def map(self, attack: "str | Attack" = "strongest", **options: Any) -> "Measured":
        """The mean average precision under an attack.

        Args:
            attack: a registered name, or an attack.
            options: of the attack, such as ``steps``.
        """
        return self.metric("map", attack, **options)

    def clean(self, metric: str = "map") -> "Measured":
        """A metric of the clean queries."""
        return self._measured(metric, None, {"stage": "clean"})

    def metric(self, metric: str, attack: "str | Attack" = "strongest", **options: Any) -> "Measured":
        """A metric under an attack; with the prefix ``t-`` on the target labels of a targeted attack.

        Args:
            metric: name of the metric.
            attack: a registered name, or an attack.
            options: of the attack, such as ``steps``.
        """
        import robusthash

        return self._measured(metric, robusthash.attack(attack, **options) if options else attack, {})

    def _measured(self, metric: str, attack: Any, filters: dict[str, str]) -> "Measured":
        import robusthash

        against, plain = Against.parse(metric)
        settings = {"metrics": (plain,), "progress": False, **self._settings}
        run = robusthash.evaluate(self._model, attack or _CHEAPEST, results=self._setup.results, **settings)
        if run.failures:
            raise run.failures[0].error
        asked = [record for record in run if attack is None or record.attack.role is not Role.REFERENCE] or list(run)
        allow = frozenset(self._own.get("allow", ()))
        return Measured(asked, plain, against, filters, self._setup, allow)


class Measured:
    """A metric of a model, to be compared. Each comparison returns this, so that several can follow one another."""

    def __init__(
        self,
        records: Iterable[Record],
        metric: str,
        against: Against,
        filters: dict[str, str],
        setup: Setup,
        allow: frozenset[str],
    ) -> None:
        self._records, self._setup, self._allow = tuple(records), setup, allow
        self._metric, self._against, self._filters = metric, against, filters

    @property
    def value(self) -> float:
        """The lowest mean over the queries, where several cells were evaluated."""
        stage = self._filters.get("stage", "adversarial")
        return min(record.measure(stage, metric=self._metric, against=self._against).value for record in self._records)

    def at_least(self, limit: float) -> "Measured":
        """Fails the test if the metric is lower. Equality passes."""
        return self._compare(Comparison.AT_LEAST, limit)

    def at_most(self, limit: float) -> "Measured":
        """Fails the test if the metric is higher, such as one on the target labels. Equality passes."""
        return self._compare(Comparison.AT_MOST, limit)

    def drop_at_most(self, limit: float) -> "Measured":
        """Fails the test if the metric is worse than the baseline by more than the limit, or if that is undecided.

        The verdict stands on the paired differences of the queries. Without a baseline it passes with a warning, and
        ``--robusthash-update-baseline`` writes one.
        """
        return self._compare(Comparison.RISE if self._against is Against.TARGET else Comparison.DROP, limit)

    def _compare(self, comparison: Comparison, limit: float) -> "Measured":
        __tracebackhide__ = True
        rule = self._rule(comparison, limit)
        settings = GateSettings(rules=(rule,), allow=self._allow)
        material = stored_material(self._records, self._setup.results, newest=True)
        if comparison.relative and self._setup.update:
            merge_baseline(self._setup.baseline, updated(material, settings))
            return self
        path = self._setup.baseline
        stored = read_baseline(path) if comparison.relative and path.exists() else None
        verdict = judge(
            material, settings, stored, require_baseline=self._setup.require, undecided=self._setup.undecided
        )
        _tell(verdict)
        return self

    def _rule(self, comparison: Comparison, limit: float) -> Rule:
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1:
            raise UsageError(f"the limit is {limit!r}", hint="pass a number from 0 to 1")
        record = self._records[0]
        facts = {"model": record.victim.model.name, "dataset": record.dataset.name, **self._filters}
        if "stage" not in facts:
            facts["attack"] = record.attack.name
        text = f"{self._against.qualify(self._metric)} {comparison.value} {limit:g}"
        return Rule(
            text=text,
            metric=self._metric,
            against=self._against,
            filters=facts,
            comparison=comparison,
            limit=float(limit),
            where=Place(name="robusthash_gate"),
        )


def _tell(verdict: Verdict) -> None:
    __tracebackhide__ = True
    if verdict.state is not State.PASS:
        pytest.fail(to_text(verdict), pytrace=False)
    open_ = [check for check in verdict.checks if check.state is State.INCONCLUSIVE]
    if open_ or verdict.notices:
        warnings.warn(to_text(verdict), RobustHashWarning, stacklevel=4)


def _named(model: Any, name: str | None) -> Any:
    """The model under the name by which it is known in the baseline."""
    if name is None:
        return model
    import robusthash

    if isinstance(model, str | Path):
        raise UsageError(f"{model} has a name of its own", hint="leave out name, which is for models in memory")
    return robusthash.wrap(model, name=name)
