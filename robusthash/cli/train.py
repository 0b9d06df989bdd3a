"""``robusthash train``: train a hash model and keep its checkpoint."""

import json
from pathlib import Path
from typing import Any

import click

from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.setting import make_setting, setting_options


@click.command("train")
@click.option("--model", required=True, metavar="NAME", help="Hash model.")
@click.option("--bits", type=int, default=32, show_default=True, metavar="K", help="Code length.")
@setting_options
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the checkpoint here; the cache if not given.",
)
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context, /, *, model: str, bits: int, output: Path | None, as_json: bool, quiet: bool, **values: Any
) -> None:
    """Train a hash model, or find it in the cache.

    \b
    robusthash train --model dpsh --output dpsh.safetensors
    robusthash eval --model dpsh --checkpoint dpsh.safetensors --attack rnm
    """
    setting = make_setting(**values)
    host = load_host(context)
    from dataclasses import asdict

    from robusthash.evaluation import train_victim
    from robusthash.storage import require_writable

    if output is not None:
        require_writable(output.parent, "--output")
    with progress(quiet=quiet) as report:
        path, description, cached = train_victim(model, bits, setting, host, output=output, progress=report)
    if as_json:
        click.echo(json.dumps({"path": str(path), "cached": cached, **asdict(description)}, indent=2))
        return
    probe = description.report["probes"][-1]
    click.echo(f"{'found in the cache' if cached else 'trained'}: {path}")
    click.echo(f"MAP within the train split: {probe['map']:.3f} (codes that say nothing: {probe['floor']:.3f})")
    click.echo(f"next: robusthash eval --model {model} --bits {bits} --checkpoint {path} --attack rnm")
