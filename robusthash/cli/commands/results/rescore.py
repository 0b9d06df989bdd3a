"""``robusthash rescore``: score stored results with other metrics or another retriever, without attacking again."""

import json
from pathlib import Path

import click

from robusthash.cli.common import (
    json_option,
    load_host,
    metric_option,
    out,
    progress,
    quiet_option,
    results_option,
    retriever_option,
    score_by_option,
)
from robusthash.cli.input.names import OPTION
from robusthash.cli.input.selection import select, selection_options
from robusthash.host import require_owners
from robusthash.options import parse_assignments
from robusthash.specs import ScoreBy


@click.command("rescore")
@results_option
@metric_option
@retriever_option
@score_by_option
@selection_options
@click.option(
    "-o",
    "--option",
    "assignments",
    type=OPTION,
    multiple=True,
    metavar="PLUGIN.FIELD=VALUE",
    help="Set an option of the retriever: -o faiss-ivf.nprobe=8.",
)
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    *,
    results: Path,
    metrics: tuple[str, ...],
    retriever: str,
    score_by: str,
    datasets: tuple[str, ...],
    models: tuple[str, ...],
    attacks: tuple[str, ...],
    assignments: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Rescore stored results with other metrics or another retriever, without attacking again.

    The new records are those that an evaluation with these options would have made. Records of noise are always
    included, since attacks are checked against them. A pattern is a name with the wildcards * and ?.

    \b
    robusthash rescore --metric map@1000 --metric precision@r2
    robusthash rescore --retriever faiss-hnsw --model dpsh
    """
    from robusthash.evaluation import RunSettings, parse_choice
    from robusthash.evaluation.planning.early import check_scoring
    from robusthash.results import ResultStore, build_leaderboard, render

    setting = RunSettings(
        metrics=metrics,
        retriever=retriever,
        score_by=parse_choice(ScoreBy, "score-by", score_by),
        options=parse_assignments(assignments),
    )
    host = load_host(context)
    require_owners(setting.options, check_scoring(setting, host))
    store = ResultStore(results)
    selected = select(store, datasets=datasets, models=models, attacks=attacks, references=True)
    from robusthash.evaluation import rescore

    with progress(quiet=quiet) as report:
        found = rescore(selected, setting, host, results=results, progress=report)
    if as_json:
        click.echo(json.dumps([json.loads(record.to_json()) for record in found], indent=2))
    else:
        out().print(render(build_leaderboard(found)))
