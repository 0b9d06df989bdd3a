"""A verdict for GitHub Actions: a job summary in Markdown, and annotations."""

from collections.abc import Iterator

from robusthash.results.gate.rules import Level
from robusthash.results.gate.verdict import Check, State, Verdict
from robusthash.results.gate.wording import details, finding, headline, title
from robusthash.results.rendering.escaping import for_annotation, for_markdown, markdown_line

_LONGEST = 900_000  #: bytes; GitHub drops a summary of more than 1 MiB as a whole
_SHOWN = 10  #: annotations of each kind that GitHub shows for one step
_SIGNS = {State.PASS: "✅", State.FAIL: "❌", State.INCONCLUSIVE: "❔"}
_HEAD = "| | what | rule | value | drop | allowed |\n| --- | --- | --- | --- | --- | --- |"


def to_summary(verdict: Verdict) -> str:
    """The verdict as Markdown: the headline, what did not pass in words, and a table of all checks.

    A summary that GitHub would drop for its length is cut, and says so.
    """
    blocks = [f"## {_SIGNS[verdict.state]} robusthash {headline(verdict)}"]
    checks = sorted(verdict.checks, key=lambda check: check.state is State.PASS)
    blocks += [_told(check, verdict) for check in checks if check.state is not State.PASS]
    blocks += [f"> {markdown_line(notice.text)}" for notice in verdict.notices]
    rows = [_row(check) for check in checks]
    return (
        "\n\n".join(_cut(blocks, "\n\n", _LONGEST // 2))
        + f"\n\n{_HEAD}\n"
        + "\n".join(_cut(rows, "\n", _LONGEST // 2, told="| | {} | | | | |"))
        + "\n"
    )


def annotations(verdict: Verdict) -> Iterator[str]:
    """The workflow commands that mark each rule that was not kept at its line; to be printed."""
    worst = [check for check in verdict.checks if check.state is not State.PASS]
    for kind in ("error", "warning"):
        found = [check for check in worst if _kind(check, verdict) == kind]
        for check in found[:_SHOWN]:
            yield _command(kind, check, verdict)


def _command(kind: str, check: Check, verdict: Verdict) -> str:
    where = check.rule.where
    place = {"file": where.name, "line": str(where.line)} if where.line else {}
    fields = {**place, "title": f"robusthash gate: {check.state}"}
    said = ",".join(f"{name}={for_annotation(value, field=True)}" for name, value in fields.items())
    text = ". ".join((title(check), finding(check, verdict.confidence), *details(check)))
    return f"::{kind} {said}::{for_annotation(text)}"


def _kind(check: Check, verdict: Verdict) -> str:
    fails = check.rule.level is Level.ERROR and verdict.counted(check) is not State.PASS
    return "error" if fails else "warning"


def _told(check: Check, verdict: Verdict) -> str:
    lines = [finding(check, verdict.confidence), *details(check)]
    head = f"**{check.state}{' (warning)' if check.rule.level is Level.WARN else ''}: {for_markdown(title(check))}**"
    return "\n".join([head, "", *(f"- {markdown_line(line)}" for line in lines)])


def _row(check: Check) -> str:
    found = check.difference
    drop = f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]" if found else ""
    allowed = f"{check.rule.comparison.value.partition(' ')[0]} {check.rule.limit:g}"
    cells = (str(check.cell), check.rule.text, f"{check.cell.measure.value:.4f}", drop, allowed)
    return f"| {_SIGNS[check.state]} | {' | '.join(map(for_markdown, cells))} |"


def _cut(parts: list[str], between: str, most: int, *, told: str = "{}") -> list[str]:
    """As many parts as fit, and one that says how many do not, in place of the braces."""
    kept: list[str] = []
    size = 0
    for part in parts:
        size += len((part + between).encode())
        if size > most:
            return [*kept, told.format(f"and {len(parts) - len(kept)} more: see the other reports")]
        kept.append(part)
    return kept
