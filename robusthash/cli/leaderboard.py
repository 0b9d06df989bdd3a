"""``robusthash leaderboard``: the stored results as tables. Needs neither torch nor numpy."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import click

from robusthash.cli.common import out, results_option

NOTHING_SELECTED = 5


@click.command("leaderboard")
@results_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to write it.",
)
@click.option("--dataset", "datasets", multiple=True, metavar="PATTERN", help="Only these datasets. Repeatable.")
@click.option("--model", "models", multiple=True, metavar="PATTERN", help="Only these models. Repeatable.")
@click.option("--attack", "attacks", multiple=True, metavar="PATTERN", help="Only these attacks. Repeatable.")
@click.option("--ties", is_flag=True, help="Show the band of tie orders in place of the 95 % interval.")
@click.pass_context
def command(
    context: click.Context,
    *,
    results: Path,
    form: str,
    datasets: tuple[str, ...],
    models: tuple[str, ...],
    attacks: tuple[str, ...],
    ties: bool,
) -> None:
    """Rank the stored results, and only those that may be compared.

    A pattern is a name with the wildcards * and ?.

    \b
    robusthash leaderboard
    robusthash leaderboard --attack 'rnm*' --format markdown
    """
    from robusthash.results import ResultStore, build, render, to_csv, to_json, to_markdown

    records, problems = ResultStore(results).load_all()
    for problem in problems:
        click.echo(f"warning: skipped: {problem.message}", err=True)
    selected = [
        record
        for record in records
        if _matches(record.dataset.name, datasets)
        and _matches(record.model.name, models)
        and _matches(record.attack.name, attacks)
    ]
    if not selected:
        click.echo(f"nothing selected: none of the {len(records)} records in {results} fits", err=True)
        context.exit(NOTHING_SELECTED)
    board = build(selected)
    if form == "table":
        out().print(render(board, ties=ties))
    else:
        writers = {"markdown": lambda: to_markdown(board, ties=ties), "csv": lambda: to_csv(board)}
        click.echo(writers.get(form, lambda: to_json(board))(), nl=False)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    wanted = tuple(patterns)
    return not wanted or any(fnmatchcase(name, pattern) for pattern in wanted)
