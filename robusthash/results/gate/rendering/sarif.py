"""A verdict as SARIF 2.1.0 (OASIS standard): a result for every check that did not pass, at the line of its rule."""

import json
from pathlib import PurePath
from typing import Any

from robusthash.files.storage import digest
from robusthash.results.gate.rules import Level
from robusthash.results.gate.verdict import Check, State, Verdict
from robusthash.results.gate.wording import details, finding, title
from robusthash.results.rendering.escaping import for_sarif
from robusthash.version import __version__

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HERE = "robusthash"  #: where a rule of the command line is said to be: a result needs a place in a file
_RULES = {
    "threshold": "A metric is on the wrong side of its limit.",
    "drop": "A metric is worse than the baseline by more than is allowed.",
    "inconclusive": "There are too few queries to tell whether a metric is worse than the baseline.",
    "unsound": "A soundness check of the evaluation failed: the number is no evidence of robustness.",
}


def to_sarif(verdict: Verdict) -> str:
    """The verdict as SARIF."""
    ids = list(_RULES)
    results = [_result(check, verdict, ids) for check in verdict.checks if check.state is not State.PASS]
    driver = {
        "name": "robusthash gate",
        "version": __version__,
        "rules": [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(check: Check, verdict: Verdict, ids: list[str]) -> dict[str, Any]:
    name = _kind(check)
    text = ". ".join((title(check), finding(check, verdict.confidence), *details(check)))
    region = {"region": {"startLine": check.rule.where.line}} if check.rule.where.line else {}
    return {
        "ruleId": name,
        "ruleIndex": ids.index(name),
        "level": _level(check, verdict),
        "message": {"text": for_sarif(text)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(check)}, **region}}],
        "partialFingerprints": {"rule/cell": digest({"rule": check.rule.text, "cell": str(check.cell)})[:32]},
    }


def _kind(check: Check) -> str:
    if check.blocking and check.number is not State.FAIL:
        return "unsound"
    if check.state is State.INCONCLUSIVE:
        return "inconclusive"
    return "drop" if check.rule.comparison.relative else "threshold"


def _level(check: Check, verdict: Verdict) -> str:
    if check.rule.level is Level.WARN:
        return "warning"
    return {State.FAIL: "error", State.INCONCLUSIVE: "warning", State.PASS: "note"}[verdict.counted(check)]


def _uri(check: Check) -> str:
    from urllib.parse import quote

    where = check.rule.where
    path = PurePath(where.name) if where.line else PurePath(_HERE)
    if path.is_absolute():
        return path.as_uri()
    return quote(path.as_posix())
