"""An examination as lines, JSON, and annotations for GitHub."""

import json
from collections.abc import Iterator

from robusthash.results.gate.verdict import State
from robusthash.results.rendering.escaping import for_annotation, for_log
from robusthash.results.submission.finding import Examination, Finding

SCHEMA = 1

_SHOWN = 10  #: annotations of each kind that GitHub shows for one step
_WORDS = {State.FAIL: "refused", State.INCONCLUSIVE: "not checked", State.PASS: "accepted"}


def lines(found: Examination) -> Iterator[str]:
    """The lines, the outcome last."""
    for one in found.findings:
        yield for_log(f"{_WORDS[one.state].upper()}: {one.where}: {one.message} ({one.check})")
        yield for_log(f"    {one.hint}")
    yield for_log(headline(found))


def headline(found: Examination) -> str:
    """The outcome in a line."""
    count = len(found.findings)
    told = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing speaks against them"
    again = f", {found.reproduced} queries of each to be made again" if found.reproduced else ""
    many = f"{found.records} record{'' if found.records == 1 else 's'}"
    return f"{_WORDS[found.state]}: {', '.join(map(str, found.folders))}: {many}{again}: {told}"


def to_json(found: Examination) -> str:
    """The examination as indented JSON. Its keys are a stable interface."""
    content = {
        "schema": SCHEMA,
        "verdict": str(found.state),
        "exit_code": found.exit_code,
        "headline": headline(found),
        "folders": [str(folder) for folder in found.folders],
        "records": found.records,
        "reproduced": found.reproduced,
        "findings": [
            {
                "check": str(one.check),
                "state": str(one.state),
                "file": str(one.where),
                "message": one.message,
                "hint": one.hint,
            }
            for one in found.findings
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def annotations(found: Examination) -> Iterator[str]:
    """The workflow commands that mark each finding at its file; to be printed."""
    for kind, state in (("error", State.FAIL), ("warning", State.INCONCLUSIVE)):
        for one in [one for one in found.findings if one.state is state][:_SHOWN]:
            yield _command(kind, one)


def _command(kind: str, one: Finding) -> str:
    place, title = (for_annotation(text, field=True) for text in (str(one.where), f"submission: {one.check}"))
    return f"::{kind} file={place},title={title}::{for_annotation(f'{one.message}. {one.hint}')}"
