"""``robusthash search``: what a model finds near a picture, a text, or a query of a dataset."""

import json
from pathlib import Path
from typing import Any

import click

from robusthash.cli.commands.finding.request import finding_request, tell_skipped
from robusthash.cli.common import json_option, load_host, out, progress, quiet_option, retriever_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.names import DIRECTION
from robusthash.cli.input.numbers import COUNT
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.setting import setting_options
from robusthash.cli.input.victim import victim_options
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.lines import line


@click.command("search")
@click.argument("pictures", type=PATH, nargs=-1, metavar="[PICTURE]...")
@victim_options
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="Search for a text. Repeatable.")
@click.option("--query", "ids", multiple=True, metavar="ID", help="Search for a query of the dataset. Repeatable.")
@click.option(
    "--database",
    type=PATH,
    metavar="PATH",
    help="Search this folder of pictures, or what robusthash hash wrote; by default the database of the dataset.",
)
@click.option(
    "-k", "--neighbours", type=COUNT, default=10, show_default=True, metavar="K", help="Neighbours of each query."
)
@click.option(
    "--direction",
    type=DIRECTION,
    metavar="i2i|i2t|t2i|t2t",
    help="Modality of the queries, and of what they search; by default the first that fits.",
)
@config_option()
@setting_options
@retriever_option
@click.option(
    "--picture", type=PATH, metavar="FILE", help="Also draw each query with its neighbours: .png, .jpg or .webp."
)
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    pictures: tuple[Path, ...],
    model: str,
    bits: int,
    defense: str,
    texts: tuple[str, ...],
    ids: tuple[str, ...],
    database: Path | None,
    neighbours: int,
    direction: str | None,
    picture: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Show the nearest items of pictures, of texts, or of queries of the dataset.

    PICTURE is a picture or a folder of them. --queries N draws N queries of the dataset. Of items at equal distances,
    those with the smaller position come first.

    \b
    robusthash search --model dpsh --queries 3
    robusthash search one.jpg --model dpsh.safetensors --database photographs --picture neighbours.png
    robusthash search --model dcmh --text "three odd prime"
    """
    ways = () if direction is None else (direction,)
    request = finding_request(model=model, bits=bits, defense=defense, directions=ways, **values)
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.files.opening import require_file
    from robusthash.files.storage import require_writable_file

    host = load_host(context)
    check_early(settled(request, host), host)
    for path in pictures:
        require_file(path, "picture", hint="name a picture, or a folder of pictures", or_folder=True)
    if database is not None:
        hint = "name a folder of pictures, or a file that robusthash hash wrote"
        require_file(database, "--database", hint=hint, or_folder=True)
    if picture is not None:
        require_writable_file(picture, "--picture")
    from robusthash.evaluation import Queries, search
    from robusthash.evaluation.finding.sheet import ACROSS, MOST, sheet_format

    drawn = request.setting.queries is not None
    asked = Queries(pictures=pictures, texts=texts, ids=ids, drawn=drawn)
    if picture is not None:
        sheet_format(picture)
    tell_device(request.setting.device, quiet=quiet)
    with progress(quiet=quiet) as report:
        found = search(request, host, asked, database=database, neighbours=neighbours, progress=report)
    tell_skipped(found.skipped)
    if picture is not None:
        found.picture(picture)
    if as_json:
        click.echo(json.dumps(found.plain(), indent=2))
        return
    out().print(found)
    if picture is not None:
        parts = (("queries", len(found.answers), MOST), ("neighbours", neighbours, ACROSS))
        some = "".join(f", the first {most} of {count} {what}" for what, count, most in parts if count > most)
        line(f"picture: {picture}{some}")
