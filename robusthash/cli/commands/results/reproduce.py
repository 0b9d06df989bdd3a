"""``robusthash reproduce``: make stored results again, and say whether they are the same."""

import json
from pathlib import Path

import click

from robusthash.cli.common import fitted_option, json_option, load_host, out, progress, quiet_option, results_option
from robusthash.cli.input.names import DEVICE, WEIGHTS
from robusthash.cli.input.numbers import COUNT, PICTURES
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.selection import nothing


@click.command("reproduce")
@click.argument("target", metavar="RECORD|FOLDER", required=False)
@results_option
@click.option("--queries", type=COUNT, metavar="N", help="Attack only the first N queries again, in whole shards.")
@click.option("--data-root", type=PATH, metavar="DIR", help="Folder with the dataset's files.")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Trained weights of the victim, or of the surrogate; else they are trained again. Repeatable.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="FILE.py:BUILD",
    help="The file that builds a network of your own. Repeatable.",
)
@fitted_option
@click.option("--weights", type=WEIGHTS, metavar="PATH", help="Initial weights of a backbone, if they are a file.")
@click.option("--device", type=DEVICE, metavar="cpu|cuda:N|mps", help="Compute elsewhere than the record was made.")
@click.option("--threads", type=COUNT, metavar="N", help="Compute with another number of threads than the record.")
@click.option("--shard-size", type=COUNT, metavar="N", help="Attack in other batches than the record.")
@click.option(
    "--keep-pictures",
    type=PICTURES,
    default=0,
    metavar="N",
    help="Then keep pictures of the N worst queries beside each record that is not different.",
)
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    *,
    target: str | None,
    results: Path,
    queries: int | None,
    data_root: Path | None,
    checkpoints: tuple[Path, ...],
    models: tuple[str, ...],
    fitted: tuple[Path, ...],
    weights: str | None,
    device: str | None,
    threads: int | None,
    shard_size: int | None,
    keep_pictures: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make stored results again from their records alone, and say whether they are the same.

    RECORD is a record's file, or the first digits of its digest; of a FOLDER, all records are made again. Inputs are
    compared by their digests, then codes, then numbers; and the numbers with those that follow from the stored codes.
    Nothing but pictures is written into the results folder. Exit codes: 0 all is the same; 3 something differs; 4 it
    differs, and other conditions may be why; 2 a record cannot be read, or a file is missing that it cannot hold.

    \b
    robusthash reproduce results --queries 32
    robusthash reproduce 3f9a2c --checkpoint dpsh.safetensors
    """
    from robusthash.results import ResultStore

    found = ResultStore(results).files(target)
    if not found:
        nothing(f"there is no record in {target or results}", "robusthash eval makes some")
    host = load_host(context)
    from robusthash.evaluation.rebuilding.given import Given
    from robusthash.evaluation.reproducing.outcome import Verdict, exit_code
    from robusthash.evaluation.reproducing.picturing import picture_file
    from robusthash.evaluation.reproducing.reproduce import reproduce_file
    from robusthash.evaluation.reproducing.telling import notes, plain, table
    from robusthash.results.rendering.terminal import FittedTable, text

    given = Given(
        data_root=data_root,
        checkpoints=checkpoints,
        models=models,
        fitted=fitted,
        weights=None if weights is None else Path(weights),
        device=device,
        shard_size=shard_size,
    )
    with progress(quiet=quiet) as report:
        done = [reproduce_file(path, host, given, queries=queries, threads=threads, progress=report) for path in found]
        for path, one in zip(found, done, strict=True):
            if keep_pictures and one.verdict in {Verdict.SAME, Verdict.INCONCLUSIVE}:
                picture_file(path, host, given, count=keep_pictures, threads=threads, progress=report)
    if as_json:
        click.echo(json.dumps([plain(one) for one in done], indent=2))
    else:
        out().print(FittedTable(table(done)))
        for note in notes(done):
            out().print(text(note), soft_wrap=True)
    context.exit(exit_code(done))
