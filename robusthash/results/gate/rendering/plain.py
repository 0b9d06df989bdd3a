"""A verdict as JSON, in full precision. Its keys are a stable interface."""

import json
from dataclasses import asdict
from typing import Any

from robusthash.results.gate.verdict import Check, Verdict
from robusthash.results.gate.wording import details, finding, headline

SCHEMA = 1


def to_json(verdict: Verdict) -> str:
    """The verdict as indented JSON."""
    content = {
        "schema": SCHEMA,
        "verdict": str(verdict.state),
        "exit_code": verdict.exit_code,
        "headline": headline(verdict),
        "confidence": verdict.confidence,
        "inconclusive_counts_as": verdict.undecided and str(verdict.undecided),
        "checks": [_check(check, verdict) for check in verdict.checks],
        "notices": [{"kind": str(notice.kind), "text": notice.text} for notice in verdict.notices],
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _check(check: Check, verdict: Verdict) -> dict[str, Any]:
    rule, cell = check.rule, check.cell
    return {
        "rule": rule.text,
        "level": str(rule.level),
        "where": str(rule.where),
        "state": str(check.state),
        "cell": {"name": str(cell), "setting": dict(cell.setting), "victim": dict(cell.victim), **dict(cell.origin)},
        "value": cell.measure.value,
        "interval": [cell.measure.low, cell.measure.high],
        "limit": rule.limit,
        "difference": asdict(check.difference) if check.difference else None,
        "blocking_flags": [asdict(flag) for flag in check.blocking],
        "allowed_flags": [asdict(flag) for flag in check.allowed],
        "changes": list(check.changes),
        "finding": finding(check, verdict.confidence),
        "details": list(details(check)),
    }
