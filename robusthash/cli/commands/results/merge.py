"""``robusthash merge``: put results folders together, and make the records of shards that several runs have left."""

import json
from pathlib import Path

import click

from robusthash.cli.common import json_option, load_host, out, progress, quiet_option, results_option
from robusthash.cli.input.paths import PATH
from robusthash.cli.output.following import results_arguments, tell_next
from robusthash.cli.output.lines import line
from robusthash.cli.splitting import tell_missing

INCOMPLETE = 2  #: exit code where shards are missing


@click.command("merge")
@click.argument("folders", nargs=-1, required=True, type=PATH, metavar="DIR...")
@results_option
@json_option
@quiet_option
@click.pass_context
def command(context: click.Context, *, folders: tuple[Path, ...], results: Path, as_json: bool, quiet: bool) -> None:
    """Merge results folders, and make the records of shards that runs with --shard have left.

    Only stored codes are scored: no model is loaded, and no data. What several folders have must be the same; nothing
    that is stored is replaced, and merging again changes nothing. The exit code is 2 if shards are missing.

    \b
    robusthash merge results-1 results-2 --results results
    robusthash merge results
    """
    from robusthash.evaluation import merge

    host = load_host(context)
    with progress(quiet=quiet) as report:
        merged = merge(folders, host, results=results, progress=report)
    if as_json:
        click.echo(json.dumps([json.loads(record.to_json()) for record in merged.records], indent=2))
    elif merged.records:
        from robusthash.results import build_leaderboard, render

        out().print(render(build_leaderboard(merged.records)))
        line(f"{len(merged.records)} records, {len(merged.new)} of them new, in {results}")
        tell_next("leaderboard", *results_arguments(results))
    tell_missing(merged)
    if merged.missing:
        context.exit(INCOMPLETE)
