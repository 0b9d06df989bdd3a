"""``robusthash leaderboard``: the stored results as tables. Needs neither torch nor numpy."""

from pathlib import Path

import click

from robusthash.cli.common import out, results_option
from robusthash.cli.input.selection import select, selection_options


@click.command("leaderboard")
@results_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "latex", "csv", "json"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@selection_options
@click.option("--ties", is_flag=True, help="Show the band of tie orders instead of the 95 % interval.")
def command(
    *,
    results: Path,
    form: str,
    datasets: tuple[str, ...],
    models: tuple[str, ...],
    attacks: tuple[str, ...],
    ties: bool,
) -> None:
    """Rank the stored results, each among comparable ones.

    A pattern is a name with the wildcards * and ?.

    \b
    robusthash leaderboard
    robusthash leaderboard --attack 'rnm*' --format markdown
    """
    from robusthash.results import ResultStore, build_leaderboard, render, to_csv, to_json, to_latex, to_markdown

    store = ResultStore(results)
    selected = select(store, datasets=datasets, models=models, attacks=attacks)
    board = build_leaderboard(selected)
    if form == "table":
        out().print(render(board, ties=ties))
    else:
        writers = {
            "markdown": lambda: to_markdown(board, ties=ties),
            "latex": lambda: to_latex(board, ties=ties),
            "csv": lambda: to_csv(board),
        }
        click.echo(writers.get(form, lambda: to_json(board))(), nl=False)
