"""What a reader of a verdict should know, and what decides nothing."""

from collections.abc import Iterable, Iterator

from robusthash.results.gate.verdict import Check, Notice, NoticeKind
from robusthash.results.records.stages import Against


def notices_of(checks: Iterable[Check]) -> Iterator[Notice]:
    """The notices of some checks, each once."""
    seen = set()
    for check in checks:
        for notice in _of(check):
            if notice not in seen:
                seen.add(notice)
                yield notice


def _of(check: Check) -> Iterator[Notice]:
    cell, rule, found = check.cell, check.rule, check.difference
    if rule.comparison.relative and found is None:
        yield Notice(kind=NoticeKind.FIRST_RUN, text=f"there is no baseline of {cell}: it passes this time")
    if found is not None:
        if round(-found.mean - rule.limit, 9) > 0:
            yield Notice(
                kind=NoticeKind.STALE,
                text=f"the baseline of {cell} is stale: the result is better by {-found.mean:.4f}, and a drop back to "
                "where it was would pass. Accept it with robusthash baseline update",
            )
        room = 1 - found.before if rule.against is Against.TARGET else found.before - cell.worst
        if room <= rule.limit:
            bound = "highest" if rule.against is Against.TARGET else "lowest"
            end = 1.0 if rule.against is Against.TARGET else cell.worst
            yield Notice(
                kind=NoticeKind.VACUOUS,
                text=f"{rule.text} cannot fail on {cell}: the baseline is {found.before:.4f}, and the {bound} possible "
                f"value is {end:.4f}. Evaluate at a smaller epsilon",
            )
    for flag in check.allowed:
        yield Notice(kind=NoticeKind.ALLOWED, text=f"{flag.id} is allowed on {cell}: {flag.message}")
