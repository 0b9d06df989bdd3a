"""``robusthash attack``: write adversarial images, of a dataset's queries or of the user's own images."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.numbers import BITS, RADIUS
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.setting import make_setting, setting_options
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.lines import line
from robusthash.epsilon import parse_radius


@click.command("attack")
@click.option("--model", required=True, metavar="NAME", help="Hash model, or path/to/file.py:build.")
@click.option("--attack", metavar="NAME", help="Attack.")
@click.option("--fitted", type=PATH, metavar="FILE", help="Attack with what robusthash fit has stored in this file.")
@click.option("--bits", type=BITS, default=32, show_default=True, metavar="K", help="Code length.")
@click.option("--defense", default="none", show_default=True, metavar="NAME", help="Defense of the model.")
@click.option(
    "--epsilon", type=RADIUS, metavar="8/255|l2:0.5", help="Radius in L-infinity or L2; by default that of the dataset."
)
@config_option()
@setting_options
@click.option(
    "--input",
    "folder",
    type=PATH,
    metavar="DIR",
    help="Attack the images in this folder instead of the queries.",
)
@click.option("--output", type=PATH, required=True, metavar="DIR", help="Folder for the PNGs.")
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    model: str,
    attack: str | None,
    fitted: Path | None,
    bits: int,
    defense: str,
    epsilon: str | None,
    folder: Path | None,
    output: Path,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Write adversarial images as 8-bit PNGs, with a manifest.

    With --input, it protects your own photographs: they look almost the same, but no longer retrieve similar images.

    \b
    robusthash attack --model dpsh --attack rnm --output adversarial
    robusthash attack --model dpsh --attack rnm --input photographs --output protected
    robusthash attack --model dpsh --fitted prosgan.safetensors --output adversarial
    """
    setting = make_setting(**values)
    radius = None if epsilon is None else parse_radius(epsilon)
    from robusthash.evaluation import Request
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.evaluation.planning.fitted import only_attack
    from robusthash.evaluation.planning.pictures import own_pictures
    from robusthash.files.storage import require_writable

    named = only_attack(attack, fitted)
    radii = () if radius is None else (radius,)
    request = Request(
        models=(model,), attacks=(named,), bits=(bits,), defenses=(defense,), epsilons=radii, setting=setting
    )
    host = load_host(context)
    request = settled(request, host)
    check_early(request, host)
    if folder is not None:
        own_pictures(folder)
    require_writable(output, "--output")
    from robusthash.evaluation import attack_images

    tell_device(setting.device, quiet=quiet)
    with progress(quiet=quiet) as report:
        pictures = attack_images(
            model,
            bits,
            named,
            request.setting,
            host,
            output=output,
            defense=defense,
            epsilon=radius,
            folder=folder,
            progress=report,
        )
    if as_json:
        click.echo(json.dumps([asdict(picture) for picture in pictures], indent=2))
        return
    count = len(pictures)
    psnr, levels = sum(picture.psnr for picture in pictures) / count, max(picture.linf for picture in pictures)
    moved, retained = (sum(getattr(picture, name) for picture in pictures) / count for name in ("moved", "retained"))
    line(f"{count} adversarial images and manifest.json in {output}")
    click.echo(f"mean PSNR {psnr:.1f} dB, largest change {levels} levels")
    # A checkpoint and a perceptual hash have a code length of their own, whatever --bits says.
    length = pictures[0].bits
    changed = f"descriptors moved by {moved:.2f}" if length is None else f"{moved:.1f} of {length} bits flipped"
    click.echo(f"on average {changed}, {retained:.0%} of the ten nearest neighbours retained")
