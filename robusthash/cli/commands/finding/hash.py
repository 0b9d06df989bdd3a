"""``robusthash hash``: codes of pictures, in a file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.commands.finding.request import finding_request, tell_skipped
from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.names import MODALITY, SPLIT
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.setting import setting_options
from robusthash.cli.input.victim import USUAL_BITS, victim_options
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.following import data_arguments, tell_next
from robusthash.cli.output.lines import line

if TYPE_CHECKING:
    from robusthash.evaluation.finding.hashed import Hashed


@click.command("hash")
@click.argument("folder", type=PATH, required=False, metavar="[FOLDER]")
@victim_options
@click.option(
    "--split",
    type=SPLIT,
    metavar="query|database|train",
    help="Hash this split of the dataset instead of a folder; without a folder, it is the database.",
)
@click.option(
    "--modality",
    type=MODALITY,
    metavar="image|text",
    help="Modality of the items, where a dataset has images and texts.",
)
@config_option()
@setting_options
@click.option(
    "--output",
    type=PATH,
    required=True,
    metavar="FILE",
    help="File of the codes: .safetensors, which can be searched, or .csv or .jsonl.",
)
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    folder: Path | None,
    model: str,
    bits: int,
    defense: str,
    split: str | None,
    modality: str | None,
    output: Path,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Write the codes of a folder of pictures to a file, or those of a dataset.

    Pictures that cannot be read are named and left out. A run that is killed resumes.

    \b
    robusthash hash photographs --model dpsh.safetensors --output photographs.safetensors
    robusthash search one.jpg --model dpsh.safetensors --database photographs.safetensors
    robusthash hash --model dpsh --split query --output queries.csv
    """
    request = finding_request(model=model, bits=bits, defense=defense, **values)
    from robusthash.errors import UsageError
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.evaluation.planning.pictures import own_pictures
    from robusthash.files.storage import require_writable_file

    if folder is not None and split is not None:
        raise UsageError(f"--split {split} and the folder {folder} are given", hint="hash one of them")
    host = load_host(context)
    check_early(settled(request, host), host)
    if folder is not None:
        own_pictures(folder, "the folder")
    require_writable_file(output, "--output")
    from robusthash.evaluation import hash_items
    from robusthash.evaluation.finding.files import writer

    writer(output)  # refuses an unknown suffix
    tell_device(request.setting.device, quiet=quiet)
    with progress(quiet=quiet) as report:
        hashed = hash_items(
            request,
            host,
            folder=folder,
            split=split or "database",
            modality=modality,
            partial=None if folder is None else output.with_name(f"{output.name}.partial"),
            progress=report,
        )
    hashed.write(output)
    tell_skipped(hashed.skipped)
    if as_json:
        click.echo(json.dumps(_plain(hashed, output), indent=2))
        return
    line(f"{len(hashed)} items of {hashed.source}: {output}")
    made = hashed.made
    line(f"{made.model} {made.space}, {made.modality}s, model digest {made.digest[:12]}")
    if output.suffix.lower() == ".safetensors":
        tell_next(*_following(output, hashed, model=model, bits=bits, defense=defense, values=values))


def _plain(hashed: "Hashed", output: Path) -> dict[str, Any]:
    made = hashed.made
    return {
        "path": str(output),
        "items": len(hashed),
        "source": str(hashed.source),
        "model": made.model,
        "digest": made.digest,
        "defense": made.defense.name if made.defense else None,
        "distance": str(made.distance),
        "size": made.size,
        "modality": made.modality,
        "shape": list(made.shape),
        "resize": made.resize,
        "skipped": [{"name": name, "reason": reason} for name, reason in hashed.skipped],
    }


def _following(
    output: Path, hashed: "Hashed", *, model: str, bits: int, defense: str, values: dict[str, Any]
) -> Iterator[str | Path]:
    """The command that searches the file: for its own first picture, or for a query of the dataset."""
    yield "search"
    if hashed.source.folder is not None:
        yield Path(hashed.source.folder) / hashed.names[0]
    else:
        yield from ("--queries", "1")
    yield from ("--model", model)
    if bits != USUAL_BITS:
        yield from ("--bits", str(bits))
    if defense != "none":
        yield from ("--defense", defense)
    for name in ("backbone", "weights", "checkpoint"):
        if values[name] not in (None, "none"):
            yield from (f"--{name}", str(values[name]))
    yield from data_arguments(values)
    dataset = f"{values['dataset']}."
    for assignment in values["assignments"]:
        if not assignment.startswith(dataset):
            yield from ("-o", assignment)
    yield from ("--seed", str(values["seed"])) if values["seed"] else ()
    yield from ("--database", output)
