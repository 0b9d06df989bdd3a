"""``robusthash attack``: write adversarial images, of a dataset or of the user's own, or adversarial texts."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.names import ATTACK, DIRECTION, MODEL
from robusthash.cli.input.numbers import RADIUS
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.setting import make_setting, setting_options
from robusthash.cli.input.victim import bits_option, defense_option
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.lines import line
from robusthash.cli.protecting import protect
from robusthash.epsilon import parse_edits, parse_radius
from robusthash.errors import OptionError, UsageError
from robusthash.specs import Direction

if TYPE_CHECKING:
    from robusthash.evaluation import Picture, Text

_SHOWN = 5  #: texts whose changes are printed


@click.command("attack")
@click.option(
    "--model",
    "models",
    type=MODEL,
    multiple=True,
    metavar="NAME",
    help="Hash model, checkpoint, or path/to/file.py:build. With --input repeatable: all are attacked together.",
)
@click.option("--attack", type=ATTACK, metavar="NAME", help="Attack; with --input by default hinge.")
@click.option("--fitted", type=PATH, metavar="FILE", help="Attack with what robusthash fit has stored in this file.")
@bits_option
@defense_option
@click.option(
    "--epsilon",
    type=RADIUS,
    metavar="8/255|l2:0.5",
    help="Radius in L-infinity or L2; by default that of the dataset, with --input 8/255.",
)
@click.option(
    "--edits", type=RADIUS, metavar="[words:|...]N", help="Most edits of a text instead, as robusthash eval takes them."
)
@click.option(
    "--direction",
    type=DIRECTION,
    metavar="i2i|i2t|t2i|t2t",
    help="What searches for what; by default the model's own, and of texts if there are --edits.",
)
@config_option()
@setting_options
@click.option(
    "--input",
    "folder",
    type=PATH,
    metavar="DIR",
    help="Protect the photographs in this folder, instead of attacking the queries.",
)
@click.option(
    "--output", type=PATH, required=True, metavar="DIR", help="Folder for the PNGs and manifest.json, or photographs."
)
@click.option("--mask/--no-mask", "masked", default=True, show_default=True, help="Change flat parts of them less.")
@click.option("--keep-location", is_flag=True, help="Photographs keep the place where they were taken.")
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    models: tuple[str, ...],
    attack: str | None,
    fitted: Path | None,
    bits: int,
    defense: str,
    epsilon: str | None,
    edits: str | None,
    direction: str | None,
    folder: Path | None,
    output: Path,
    masked: bool,
    keep_location: bool,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Write adversarial images as 8-bit PNGs, with a manifest, or adversarial texts into one.

    With --input, it protects your own photographs: they look almost the same, but no longer retrieve similar images.
    They keep their size, format and metadata, and are judged from the written files, also after what services do to
    them. The models' images are by default those that a checkpoint was trained on, or the folder under --data-root.

    \b
    robusthash attack --model dpsh --attack rnm --output adversarial
    robusthash attack --model dpsh --fitted prosgan.safetensors --output adversarial
    robusthash attack --model dcmh --attack typos --edits characters:2 --output texts
    robusthash attack --input photographs --data-root searched --output protected
    robusthash attack --input photographs --model mine.safetensors --output protected
    """
    setting = make_setting(**values)
    radius = None if epsilon is None else parse_radius(epsilon)
    counted = None if edits is None else parse_edits(edits)
    from robusthash.evaluation.planning.choices import parse_choice

    way = None if direction is None else parse_choice(Direction, "direction", direction)
    if radius is not None and counted is not None:
        raise OptionError("--epsilon and --edits are both set", hint="a threat has one radius: leave one of them out")
    from robusthash.evaluation.planning.fitted import only_attack

    if folder is not None:
        for option, value in (("--edits", counted), ("--direction", way)):
            if value is not None:
                raise OptionError(f"{option} is for texts, and --input is of images", hint="leave one of them out")
        protect(
            context,
            folder,
            output,
            models,
            only_attack(attack, fitted) if attack or fitted else None,
            setting,
            bits=bits,
            defense=defense,
            epsilon=radius,
            masked=masked,
            keep_location=keep_location,
            as_json=as_json,
            quiet=quiet,
        )
        return
    model = _only(models)
    from robusthash.evaluation import Request
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.files.storage import require_writable

    named = only_attack(attack, fitted)
    radii = () if radius is None else (radius,)
    request = Request(
        models=(model,),
        attacks=(named,),
        bits=(bits,),
        defenses=(defense,),
        epsilons=radii,
        edits=() if counted is None else (counted,),
        directions=() if way is None else (way,),
        setting=setting,
    )
    host = load_host(context)
    request = settled(request, host)
    check_early(request, host)
    require_writable(output, "--output")
    from robusthash.evaluation import attack_queries

    tell_device(setting.device, quiet=quiet)
    with progress(quiet=quiet) as report:
        found = attack_queries(
            model,
            bits,
            named,
            request.setting,
            host,
            output=output,
            defense=defense,
            epsilon=radius,
            edits=counted,
            direction=way,
            progress=report,
        )
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False))
        return
    _show(found, output)


def _show(found: "Sequence[Picture | Text]", output: Path) -> None:
    from robusthash.evaluation import Picture, Text

    count, pictures = len(found), [one for one in found if isinstance(one, Picture)]
    if pictures:
        psnr, levels = sum(picture.psnr for picture in pictures) / count, max(picture.linf for picture in pictures)
        line(f"{count} adversarial images and manifest.json in {output}")
        click.echo(f"mean PSNR {psnr:.1f} dB, largest change {levels} levels")
    else:
        line(f"{count} adversarial texts in {output / 'manifest.json'}")
        for text in found[:_SHOWN]:
            if isinstance(text, Text):
                line(f"{text.source}: {', '.join(text.changes) or 'unchanged'}")
    moved, retained = (sum(getattr(one, name) for one in found) / count for name in ("moved", "retained"))
    # A checkpoint and a perceptual hash have a code length of their own, whatever --bits says.
    length = found[0].bits
    changed = f"descriptors moved by {moved:.2f}" if length is None else f"{moved:.1f} of {length} bits flipped"
    click.echo(f"on average {changed}, {retained:.0%} of the ten nearest neighbours retained")


def _only(models: tuple[str, ...]) -> str:
    """The model that queries are attacked on.

    Raises:
        UsageError: there is none, or there are several.
    """
    if len(models) == 1:
        return models[0]
    said = "no model is named" if not models else f"{len(models)} models are named, and queries are attacked on one"
    raise UsageError(said, hint="name one with --model; several are for --input")
