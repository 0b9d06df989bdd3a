"""``robusthash submission check``: refuses what does not hold."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.common import json_option, load_host
from robusthash.cli.gates.gating import allow_option
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.selection import nothing
from robusthash.cli.output.columns import paragraph

if TYPE_CHECKING:
    from robusthash.results import Record
    from robusthash.results.submission.finding import Examination


@click.command("check")
@click.argument("folders", type=PATH, nargs=-1, required=True, metavar="FOLDER...")
@click.option(
    "--board",
    "boards",
    type=PATH,
    multiple=True,
    metavar="DIR",
    help="Results that are on the leaderboard: what is submitted has to be new, and ranked with them. Repeatable.",
)
@allow_option
@json_option
@click.pass_context
def check(
    context: click.Context,
    *,
    folders: tuple[Path, ...],
    boards: tuple[Path, ...],
    allow: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check submissions to a public leaderboard: results folders with a submission.toml.

    Refused is what is described badly, unsafe, changed, flagged, incomplete, not comparable, or has numbers that its
    stored codes do not give. All numbers are computed again, without attacking.

    Exit codes: 0 accepted, 3 refused, 4 something could not be checked, 5 no records.

    \b
    robusthash submission check submissions/smith
    robusthash submission check submissions/* --board results --json
    """
    from robusthash.results.gate.settings import checked_flags
    from robusthash.results.submission.examining import examine
    from robusthash.results.submission.finding import Examination

    allowed = checked_flags(frozenset(allow), "--allow")
    board = [record for folder in boards for record in _on_board(folder)]
    examined = []
    for folder in folders:
        one = examine(folder, board, allowed)
        examined.append(one)
        board += one.records.values()
    findings = [finding for one in examined for finding in one.findings]
    records = sum(len(one.records) for one in examined)
    if not records and not findings:
        nothing(f"{', '.join(map(str, folders))} has no records", "submit what robusthash eval wrote")
    if any(one.sound for one in examined):
        from robusthash.evaluation.tasks.recounting import recount
        from robusthash.results import ResultStore

        host = load_host(context)
        findings += [finding for one in examined for finding in recount(one.sound, ResultStore(one.folder), host)]
    found = Examination(folders=folders, records=records, findings=tuple(findings))
    context.exit(_show(found, as_json=as_json))


def _on_board(folder: Path) -> "list[Record]":
    """The records of a folder, in which a file that cannot be read is none of the submission's affair."""
    from robusthash.results import load_results

    return list(load_results(folder))


def _show(found: "Examination", *, as_json: bool) -> int:
    from robusthash.results.submission import rendering

    if as_json:
        click.echo(rendering.to_json(found), nl=False)
    for text in rendering.lines(found):
        paragraph(text, indent=4, err=as_json)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for annotation in rendering.annotations(found):
            click.echo(annotation, err=True)
    return found.exit_code
