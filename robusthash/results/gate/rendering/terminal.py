"""A verdict as lines for a terminal or a log."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from robusthash.results.gate.rules import Level
from robusthash.results.gate.verdict import Check, State, Verdict
from robusthash.results.gate.wording import details, finding, headline, title
from robusthash.results.rendering.escaping import for_log


class Tone(StrEnum):
    """What a line is, for its colour."""

    GOOD = "good"
    BAD = "bad"
    DOUBTFUL = "doubtful"
    PLAIN = "plain"


class Printed(NamedTuple):
    """A line, and its tone."""

    text: str
    tone: Tone


_TONES = {State.PASS: Tone.GOOD, State.FAIL: Tone.BAD, State.INCONCLUSIVE: Tone.DOUBTFUL}


def lines(verdict: Verdict) -> Iterator[Printed]:
    """The lines, the headline last: what failed is then next to the prompt."""
    for check in sorted(verdict.checks, key=_importance):
        yield from _check(check, verdict)
    for notice in verdict.notices:
        yield Printed(for_log(f"note: {notice.text}"), Tone.PLAIN)
    yield Printed(headline(verdict), _TONES[verdict.state])


def to_text(verdict: Verdict) -> str:
    """The same as text."""
    return "\n".join(line.text for line in lines(verdict))


def _check(check: Check, verdict: Verdict) -> Iterator[Printed]:
    word = str(check.state).upper()
    warns = check.rule.level is Level.WARN and check.state is not State.PASS
    tone = Tone.DOUBTFUL if warns else _TONES[check.state]
    yield Printed(for_log(f"{word}{' (warning)' if warns else ''}: {title(check)}"), tone)
    yield Printed(for_log(f"    {finding(check, verdict.confidence)}"), Tone.PLAIN)
    for line in details(check):
        yield Printed(for_log(f"    {line}"), Tone.PLAIN)


def _importance(check: Check) -> int:
    return [State.PASS, State.INCONCLUSIVE, State.FAIL].index(check.state)
