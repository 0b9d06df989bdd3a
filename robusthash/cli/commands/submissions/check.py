"""``robusthash submission check``: refuses what does not hold."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.common import fitted_option, json_option, load_host, progress, quiet_option
from robusthash.cli.gates.gating import allow_option
from robusthash.cli.input.numbers import COUNT
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.selection import nothing
from robusthash.cli.output.columns import paragraph

if TYPE_CHECKING:
    from robusthash.contracts import Progress
    from robusthash.evaluation.rebuilding.given import Given
    from robusthash.host import PluginHost
    from robusthash.results.submission.examining import Submission
    from robusthash.results.submission.finding import Examination, Finding


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
@click.option("--reproduce", type=COUNT, metavar="N", help="Also make N queries of each record again, in whole shards.")
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder with the datasets' files, to reproduce.")
@click.option(
    "--checkpoint", "checkpoints", type=PATH, multiple=True, metavar="FILE", help="Weights, to reproduce. Repeatable."
)
@fitted_option
@json_option
@quiet_option
@click.pass_context
def check(
    context: click.Context,
    *,
    folders: tuple[Path, ...],
    boards: tuple[Path, ...],
    allow: tuple[str, ...],
    reproduce: int | None,
    data_root: Path | None,
    checkpoints: tuple[Path, ...],
    fitted: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Check submissions to a public leaderboard: results folders with a submission.toml.

    Refused is what is described badly, unsafe, changed, flagged, incomplete, not comparable, or has numbers that its
    stored codes do not give. All numbers are computed again; with --reproduce, adversarial inputs are made again too.

    Exit codes: 0 accepted, 3 refused, 4 something could not be checked, 5 no records.

    \b
    robusthash submission check submissions/smith
    robusthash submission check submissions/smith --board public/submissions --reproduce 32
    """
    from robusthash.results import load_results
    from robusthash.results.gate.settings import checked_flags
    from robusthash.results.submission.examining import examine
    from robusthash.results.submission.finding import Examination

    allowed = checked_flags(frozenset(allow), "--allow")
    board = [record for folder in boards for record in load_results(folder)]
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
        from robusthash.evaluation.rebuilding.given import Given

        given = Given(data_root=data_root, checkpoints=checkpoints, fitted=fitted)
        with progress(quiet=quiet) as report:
            findings += _computed(examined, load_host(context), given, reproduce, report)
    found = Examination(
        folders=folders, records=records, findings=tuple(findings), reproduced=reproduce if records else None
    )
    context.exit(_show(found, as_json=as_json))


def _computed(
    examined: "Iterable[Submission]", host: "PluginHost", given: "Given", queries: int | None, report: "Progress"
) -> "Iterator[Finding]":
    """What speaks against records once their numbers, and their adversarial inputs if asked, are computed again."""
    from robusthash.evaluation.reproducing.recounting import made_again, recount, stored_cells
    from robusthash.results import ResultStore
    from robusthash.results.submission.finding import Finding

    for one in examined:
        for where, stored in stored_cells(one.sound, ResultStore(one.folder)):
            if isinstance(stored, Finding):
                yield stored
                continue
            wrong = list(recount(where, stored, host))
            yield from wrong
            if queries is not None and not wrong:
                yield from made_again(where, stored, host, given, queries, report)


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
