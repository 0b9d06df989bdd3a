"""``robusthash import``: convert a checkpoint of another repository."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from robusthash.checkpoints import is_pickle, read_metadata
from robusthash.cli.common import json_option, load_host
from robusthash.cli.input.names import BACKBONE, DATASET, OPTION, TRAINED
from robusthash.cli.input.numbers import BITS, SIDE
from robusthash.cli.input.paths import PATH
from robusthash.cli.output.following import tell_next
from robusthash.cli.output.lines import line
from robusthash.errors import UsageError
from robusthash.files.storage import require_writable_file
from robusthash.host import PluginHost, PluginKind, Registered, options_of, require_one_owner, require_owners
from robusthash.options import as_plain, parse_assignments
from robusthash.version import __version__

if TYPE_CHECKING:
    from robusthash.specs import PluginUse

_LAYOUTS = ("prosgan", "saat", "deephash")

Plugin = TypeVar("Plugin")


@click.command("import")
@click.argument("file", type=PATH)
@click.option("--layout", required=True, type=click.Choice(_LAYOUTS), help="Code that saved the file.")
@click.option(
    "--model", type=TRAINED, required=True, metavar="NAME", help="Hash model in the file, such as dpsh/prosgan."
)
@click.option("--bits", required=True, type=BITS, metavar="K", help="Code length.")
@click.option("--backbone", type=BACKBONE, required=True, metavar="NAME", help="Feature network.")
@click.option("--dataset", type=DATASET, required=True, metavar="NAME", help="Dataset that it was trained on.")
@click.option(
    "--image-size", type=SIDE, metavar="PIXELS", help="Height and width of its images; by default the backbone's."
)
@click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write the checkpoint to this file; by default FILE-LAYOUT.safetensors in the current folder.",
)
@click.option(
    "-o",
    "--option",
    "assignments",
    type=OPTION,
    multiple=True,
    metavar="PLUGIN.FIELD=VALUE",
    help="Set an option of a plugin.",
)
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    file: Path,
    layout: str,
    model: str,
    bits: int,
    backbone: str,
    dataset: str,
    image_size: int | None,
    output: Path | None,
    assignments: tuple[str, ...],
    as_json: bool,
) -> None:
    """Import a checkpoint of another repository: a state dict (.pt, .pth or safetensors), never a pickled network.

    \b
    robusthash import vgg11.pth --layout prosgan --model dpsh/prosgan --bits 32 --backbone vgg11 --dataset cifar10
    robusthash eval --model vgg11-prosgan.safetensors --dataset cifar10 --image-size 224 --attack rnm
    """
    path = output or Path(f"{file.stem}-{layout}.safetensors")
    if path.suffix != ".safetensors":
        raise UsageError(
            f"--output {path} does not end in .safetensors", hint="eval recognises a checkpoint by this extension"
        )
    host = load_host(context)
    host.find(PluginKind.DATASET, dataset)
    used = [host.find(PluginKind.MODEL, model), host.find(PluginKind.BACKBONE, backbone)]
    options = parse_assignments(assignments)
    require_owners(options, used)
    require_writable_file(path, "--output")
    if not is_pickle(file):
        read_metadata(file)
    from dataclasses import asdict

    from robusthash.contracts import Backbone, Objective
    from robusthash.training.networks import LAYOUTS, Origin, import_checkpoint

    require_one_owner(host, options, used)
    of_model, of_backbone = (options_of(host, one, options) for one in used)
    preset = {} if LAYOUTS[layout].normalises else {"normalise": False}
    _, objective = _chosen(host, used[0], Objective, of_model)
    network, use = _chosen(host, used[1], Backbone, {**preset, **of_backbone})
    size = network.image_size if image_size is None else image_size
    origin = Origin(
        path=file, layout=layout, model=objective, backbone=use, bits=bits, image_size=size, dataset=dataset
    )
    description = import_checkpoint(origin, network, path, version=__version__)
    if as_json:
        click.echo(json.dumps({"path": str(path), **asdict(description)}, indent=2))
        return
    line(f"imported: {path}")
    tell_next("eval", "--model", path, "--dataset", dataset, "--image-size", str(size), "--attack", "rnm")


def _chosen(
    host: PluginHost, registered: Registered, contract: type[Plugin], options: Mapping[str, Any]
) -> "tuple[Plugin, PluginUse]":
    """A plugin object with options, and its description in the checkpoint."""
    from robusthash.specs import PluginUse

    plugin = host.create(registered, options)
    if not isinstance(plugin, contract):
        raise UsageError(
            f"{registered.whose} is a {type(plugin).__name__}, not a {contract.__name__}",
            hint="name a model that is a trained network"
            if registered.kind is PluginKind.MODEL
            else "report it to the plugin's author",
        )
    return plugin, PluginUse(name=registered.spec.name, owner=str(registered.owner), options=as_plain(plugin))
