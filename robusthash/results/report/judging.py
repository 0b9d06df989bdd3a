"""The gate's verdict on what a report shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robusthash.errors import InputError
from robusthash.results.gate.baseline import read_baseline
from robusthash.results.gate.judging import Material, judge
from robusthash.results.gate.rules import Level
from robusthash.results.gate.settings import DEFAULT_BASELINE, GateSettings
from robusthash.results.gate.values import read_scores
from robusthash.results.gate.verdict import State, Verdict
from robusthash.results.gate.wording import details, finding, title
from robusthash.results.report.sources import Gathered


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A check of the gate in words.

    Attributes:
        state: how it ended.
        warns: whether it is a rule that only warns.
        title: what was judged by which rule.
        told: how it ended, why, and what to do; a line each.
    """

    state: State
    warns: bool
    title: str
    told: tuple[str, ...]


def judgements(verdict: Verdict) -> Iterator[Judgement]:
    """The checks in words, those that did not pass first."""
    for check in sorted(verdict.checks, key=lambda one: one.state is State.PASS):
        yield Judgement(
            state=check.state,
            warns=check.rule.level is Level.WARN,
            title=title(check),
            told=(finding(check, verdict.confidence), *details(check)),
        )


def verdict_on(gathered: Gathered, settings: GateSettings, *, newest: bool = False) -> Verdict:
    """Judges results as ``robusthash gate`` does.

    Args:
        gathered: the results of one or several folders.
        settings: the rules, and the baseline that they compare with.
        newest: take the newest result where several models have one name.

    Raises:
        UsageError: as for :func:`robusthash.results.gate.judge`.
        InputError: a file cannot be read: it could be the one that would fail; or as for ``judge``.
    """
    if gathered.unreadable:
        problem = gathered.unreadable[0]
        raise InputError(
            f"{len(gathered.unreadable)} files cannot be judged: {problem.message}",
            hint="remove what is no record, evaluate again what is damaged, or make the report without rules",
        )
    path = settings.baseline or Path(DEFAULT_BASELINE)
    stored = read_baseline(path) if settings.baseline or path.exists() else None

    def store_of(digest: str) -> Path:
        entry = gathered.entries[digest]
        return entry.folder.store.path_of(entry.record).with_suffix(".npz")

    material = Material(
        records=tuple(gathered.records),
        read=lambda record, name: read_scores(store_of(record.digest), name),
        newest=newest,
    )
    return judge(material, settings, stored)
