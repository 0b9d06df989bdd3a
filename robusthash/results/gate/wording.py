"""A verdict in words that need no documentation. Every rendering says the same."""

from collections.abc import Iterator

from robusthash.results.gate.rules import Comparison, Level
from robusthash.results.gate.verdict import Check, Difference, State, Verdict
from robusthash.results.records.stages import Against

_COMPARED = {
    Comparison.AT_LEAST: "at least",
    Comparison.ABOVE: "more than",
    Comparison.AT_MOST: "at most",
    Comparison.BELOW: "less than",
}


def headline(verdict: Verdict) -> str:
    """The verdict in one line: ``gate failed: 1 of 12 checks failed, 2 are inconclusive``."""
    judged = [verdict.counted(check) for check in verdict.checks if check.rule.level is Level.ERROR]
    failed, open_ = judged.count(State.FAIL), judged.count(State.INCONCLUSIVE)
    warned = sum(
        check.rule.level is Level.WARN and verdict.counted(check) is not State.PASS for check in verdict.checks
    )
    state = {State.PASS: "passed", State.FAIL: "failed", State.INCONCLUSIVE: "is inconclusive"}[verdict.state]
    parts = [
        f"{failed} of {_counted(len(judged), 'check')} failed" if failed else _counted(len(judged), "check"),
        *([f"{open_} inconclusive"] if open_ else []),
        *([_counted(warned, "warning")] if warned else []),
    ]
    return f"gate {state}: {', '.join(parts)}"


def title(check: Check) -> str:
    """What was judged by which rule, in one line."""
    return f"{check.cell} | {check.rule.text}"


def finding(check: Check, confidence: float) -> str:
    """How a check ended, and why, in one line."""
    if check.blocking and check.number is not State.FAIL:
        return f"a soundness check failed, so {_metric(check)} = {check.cell.measure.value:.4f} is no evidence"
    if check.difference is not None:
        return _drop(check, check.difference, confidence)
    value = check.cell.measure
    if check.rule.comparison.relative:
        return f"{_metric(check)} is {value.value:.4f}; there is no baseline to compare it with yet"
    wanted = f"{_COMPARED[check.rule.comparison]} {check.rule.limit:g}"
    said = "as" if check.number is State.PASS else "but"
    return f"{_metric(check)} is {value.value:.4f}, {said} the rule wants {wanted}"


def details(check: Check) -> Iterator[str]:
    """What else to know of a check, and what to do, a line each."""
    difference = check.difference
    for flag in check.blocking:
        yield f"{flag.id}: {flag.message}"
    if check.blocking:
        yield (
            "a result that failed a soundness check cannot pass: find the cause, or allow the check by name with "
            f'allow = ["{check.blocking[0].id}"] or --allow {check.blocking[0].id}'
        )
    if check.state is State.INCONCLUSIVE and difference is not None:
        yield from _way_out(difference)
    if check.number is State.FAIL and difference is None and _close(check):
        low, high = check.cell.measure.low, check.cell.measure.high
        yield f"the limit is within the 95 % interval over the queries, {low:.4f} to {high:.4f}: more queries tell more"
    if check.changes and check.state is not State.PASS:
        yield f"changed since the baseline: {'; '.join(check.changes)}"


def _drop(check: Check, found: Difference, confidence: float) -> str:
    now, limit = check.cell.measure.value, f"{check.rule.limit:g}"
    rises = check.rule.against is Against.TARGET
    fell = found.mean >= 0
    moved = ("rose" if fell else "fell") if rises else ("fell" if fell else "rose")
    word = "rise" if rises else "drop"
    by = f"{_metric(check)} {moved} by {abs(found.mean):.4f}, from {found.before:.4f} to {now:.4f}"
    interval = (
        f"the {100 * confidence:g} % interval of the {word} over {found.queries} paired queries is "
        f"{found.low:.4f} to {found.high:.4f}"
    )
    if check.number is State.FAIL:
        return f"{by}, more than the {limit} that is allowed; {interval}, so chance does not explain it"
    if check.number is State.PASS:
        return f"{by}; a {word} of {limit} is allowed, and {interval}"
    return f"{by}; {interval}, so that {found.queries} queries cannot tell whether it is more than the {limit} allowed"


def _way_out(found: Difference) -> Iterator[str]:
    if found.needed is not None:
        yield (
            f"about {found.needed:,} queries would decide (chance 80 %): evaluate this release and the baseline's with "
            f"--queries {found.needed}, and make a new baseline of it"
        )
    yield f"on these queries, a limit of {found.high:.4f} would pass" + (
        f", and a drop of {found.detectable:.4f} would be found with a chance of 80 %" if found.detectable else ""
    )


def _close(check: Check) -> bool:
    return check.cell.measure.low <= check.rule.limit <= check.cell.measure.high


def _metric(check: Check) -> str:
    clean = "attack" not in check.cell.setting
    metric = check.cell.metric_name
    return f"{metric} of the clean queries" if clean else f"{metric} under attack"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
