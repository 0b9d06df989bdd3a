"""``robusthash harden``: harden a hash model by adversarial training and keep its checkpoint."""

import json
from pathlib import Path
from typing import Any

import click

from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.setting import make_setting, setting_options


@click.command("harden")
@click.argument("defense", metavar="DEFENSE")
@click.option("--model", required=True, metavar="NAME|FILE", help="Hash model, or its checkpoint.")
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
    context: click.Context,
    /,
    *,
    defense: str,
    model: str,
    bits: int,
    output: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Harden a hash model by adversarial training, or find it in the cache.

    The model is trained first, unless it is in the cache or given as a checkpoint. A hardening that was killed goes on
    where it was.

    \b
    robusthash harden cgat --model dpsh --output dpsh-cgat.safetensors
    robusthash eval --model dpsh --model dpsh-cgat.safetensors --attack hinge
    """
    setting = make_setting(**values)
    host = load_host(context)
    from dataclasses import asdict

    from robusthash.evaluation.hardened_checkpoint import harden_victim
    from robusthash.storage import require_writable

    if output is not None:
        require_writable(output.parent, "--output")
    with progress(quiet=quiet) as report:
        path, description, cached = harden_victim(defense, model, bits, setting, host, output=output, progress=report)
    if as_json:
        click.echo(json.dumps({"path": str(path), "cached": cached, **asdict(description)}, indent=2))
        return
    probe = description.report["probes"][-1]
    click.echo(f"{'found in the cache' if cached else 'hardened'}: {path}")
    click.echo(f"MAP within the train split: {probe['map']:.3f} (codes that say nothing: {probe['floor']:.3f})")
    click.echo(f"next: robusthash eval --model {path} --attack hinge")
