"""A verdict as JUnit XML: a suite per victim, a case per rule and cell.

There is no official schema. This keeps to the two that tools check against: that of the Jenkins xUnit plugin and the
stricter one of Ant's JUnitReport.
"""

import re
from collections import defaultdict
from collections.abc import Iterator

from robusthash.results.gate.rules import Level
from robusthash.results.gate.verdict import Check, State, Verdict
from robusthash.results.gate.wording import details, finding, headline
from robusthash.results.rendering.escaping import for_html

_NAME = "robusthash.gate"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_NO_TIME = "1970-01-01T00:00:00"  #: of results whose date cannot be read: the schema wants one


def to_junit(verdict: Verdict) -> str:
    """The verdict as JUnit XML. An inconclusive check is a failure, unless it counts as passed."""
    suites: dict[str, list[Check]] = defaultdict(list)
    for check in verdict.checks:
        suites[f"{check.cell.setting['dataset']}, {check.cell.victim_name}"].append(check)
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<testsuites>",
        *(
            line
            for number, (name, checks) in enumerate(suites.items())
            for line in _suite(name, number, checks, verdict)
        ),
        "</testsuites>",
    ]
    return "\n".join(parts) + "\n"


def _suite(name: str, number: int, checks: list[Check], verdict: Verdict) -> Iterator[str]:
    failed = sum(_fails(check, verdict) for check in checks)
    skipped = sum(_is_skipped(check, verdict) for check in checks)
    created = max(check.cell.origin["created"] for check in checks)[:19]
    yield (
        f'<testsuite name="{for_html(name)}" id="{number}" package="{_NAME}" hostname="localhost" '
        f'timestamp="{created if _TIME.fullmatch(created) else _NO_TIME}" tests="{len(checks)}" '
        f'failures="{failed}" errors="0" skipped="{skipped}" time="0">'
    )
    yield "<properties>"
    for key, value in (("verdict", verdict.state), ("headline", headline(verdict))):
        yield f'<property name="{key}" value="{for_html(value)}"/>'
    for check in checks:
        yield f'<property name="{for_html(_name(check))}" value="{check.cell.measure.value:.6f}"/>'
    yield "</properties>"
    for check in checks:
        yield from _case(check, verdict)
    notices = [f"note: {for_html(notice.text)}" for notice in verdict.notices]
    yield f"<system-out>{chr(10).join(notices)}</system-out>"
    yield "<system-err></system-err>"
    yield "</testsuite>"


def _case(check: Check, verdict: Verdict) -> Iterator[str]:
    message = finding(check, verdict.confidence)
    body = "\n".join(map(for_html, (message, *details(check), f"rule: {check.rule.text} ({check.rule.where})")))
    yield f'<testcase name="{for_html(_name(check))}" classname="{_NAME}" time="0">'
    if _is_skipped(check, verdict):
        yield f'<skipped message="{for_html(f"{check.state}: {message}")}"/>'
    elif _fails(check, verdict):
        yield f'<failure type="{check.state}" message="{for_html(message)}">{body}</failure>'
    yield "</testcase>"


def _name(check: Check) -> str:
    return f"{check.cell.attack_name}: {check.rule.text}"


def _fails(check: Check, verdict: Verdict) -> bool:
    return check.rule.level is Level.ERROR and verdict.counted(check) is not State.PASS


def _is_skipped(check: Check, verdict: Verdict) -> bool:
    """Whether a check neither passed nor failed the gate."""
    return check.state is not State.PASS and not _fails(check, verdict)
