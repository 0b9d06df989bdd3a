"""``robusthash score``: the metrics of codes in files, whoever made them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.common import json_option, load_host, metric_option, out, progress, quiet_option
from robusthash.cli.input.names import EXECUTOR, OPTION, RELEVANCE
from robusthash.cli.input.numbers import BITS, COUNT, WORKERS
from robusthash.cli.input.paths import PATH
from robusthash.cli.output.lines import line
from robusthash.host import PluginKind, require_owners
from robusthash.options import parse_assignments

if TYPE_CHECKING:
    from robusthash.evaluation.finding.scoring import ScoredFiles
    from robusthash.results.rendering.sheet import Table


@click.command("score")
@click.argument("queries", type=PATH, nargs=-1, required=True, metavar="QUERIES...")
@click.option("--labels", type=PATH, metavar="FILE", help="Labels of the queries; by default those in their file.")
@click.option("--database", type=PATH, required=True, metavar="FILE", help="Codes of the items.")
@click.option(
    "--database-labels", type=PATH, metavar="FILE", help="Labels of the items; by default those in their file."
)
@click.option("--bits", type=BITS, metavar="K", help="Code length, if codes are packed eight bits to the byte.")
@click.option(
    "--classes", type=COUNT, metavar="N", help="Number of classes, if labels are packed eight classes to the byte."
)
@metric_option
@click.option(
    "--relevance",
    type=RELEVANCE,
    default="share-any",
    show_default=True,
    metavar="share-any|exact|contains-target",
    help="When an item is relevant to a query.",
)
@click.option(
    "-o",
    "--option",
    "assignments",
    type=OPTION,
    multiple=True,
    metavar="METRIC.FIELD=VALUE",
    help="Set an option of a metric: -o map@1000.k=10.",
)
@click.option(
    "--workers", type=WORKERS, default=1, show_default=True, metavar="N", help="Processes that count the database."
)
@click.option("--executor", type=EXECUTOR, metavar="NAME", help="Where its parts are counted instead.")
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    *,
    queries: tuple[Path, ...],
    labels: Path | None,
    database: Path,
    database_labels: Path | None,
    bits: int | None,
    classes: int | None,
    metrics: tuple[str, ...],
    relevance: str,
    assignments: tuple[str, ...],
    workers: int,
    executor: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score codes in files, such as those of your own system, clean and attacked.

    QUERIES are files of the same queries, one line of the table each. A file is .npy (signs, bits, or bytes with
    --bits; labels are rows of 0 and 1, class ids, or bytes with --classes), or the .safetensors file of a hash command,
    which holds its labels. Files are read in parts, so that a database may be larger than memory.

    \b
    robusthash score clean.npy attacked.npy --labels labels.npy --database items.npy --database-labels classes.npy
    robusthash score queries.safetensors --database items.safetensors --metric map@1000
    robusthash score clean.npy --labels labels.npy --database items.npy --database-labels classes.npy --workers 8
    """
    from robusthash.evaluation import RunSettings
    from robusthash.evaluation.planning.choices import parse_choice
    from robusthash.evaluation.planning.early import check_scoring
    from robusthash.files.opening import require_file
    from robusthash.specs import Relevance

    rule = parse_choice(Relevance, "relevance", relevance)
    hint = "name a .npy file, or what robusthash hash wrote"
    for what, path in (
        *(("codes", one) for one in queries),
        ("--database", database),
        ("--labels", labels),
        ("--database-labels", database_labels),
    ):
        if path is not None:
            require_file(path, what, hint=hint)
    host = load_host(context)
    setting = RunSettings(metrics=metrics, options=parse_assignments(assignments))
    places = [] if executor is None else [host.find(PluginKind.EXECUTOR, executor)]
    require_owners(setting.options, [*check_scoring(setting, host), *places])
    from robusthash.evaluation import choose_executor, score_files

    place = choose_executor(host, executor, workers=workers, options=setting.options)

    with progress(quiet=quiet) as report:
        found = score_files(
            queries,
            database,
            host,
            labels=labels,
            database_labels=database_labels,
            bits=bits,
            classes=classes,
            metrics=setting.metrics,
            options=setting.options,
            relevance=rule,
            executor=place,
            progress=report,
        )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, default=str))
        return
    from robusthash.results.rendering.terminal import FittedTable

    out().print(FittedTable(_table(found)))
    line(f"{found.queries} queries, {found.items} items, {found.bits} bits, relevance {found.relevance}")
    line(f"map of random codes {found.random:.3f}, lowest possible {found.worst:.3f}")
    line(f"protocols: {', '.join(found.protocols.values())}")


def _table(found: "ScoredFiles") -> "Table":
    from robusthash.results.rendering.sheet import Column, Line, Table

    lines = [
        Line(
            cells=(
                str(one.path),
                *(f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]" for each in one.measures.values()),
            )
        )
        for one in found.files
    ]
    columns = (
        Column(name="queries", words=True),
        *(Column(name=f"{name} [95 %]", ranged=True) for name in found.protocols),
    )
    return Table(columns=columns, lines=tuple(lines))
