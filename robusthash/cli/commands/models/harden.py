"""``robusthash harden``: harden a hash model by adversarial training and save its checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from robusthash.cli.checkpoints import output_option, report_checkpoint
from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.names import DEFENSE, MODEL
from robusthash.cli.input.setting import make_setting, setting_options
from robusthash.cli.input.victim import bits_option
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.following import data_arguments


@click.command("harden")
@click.argument("defense", type=DEFENSE, metavar="DEFENSE")
@click.option("--model", type=MODEL, required=True, metavar="NAME|FILE", help="Hash model, or its checkpoint.")
@bits_option
@config_option()
@setting_options
@output_option
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
    """Harden a hash model by adversarial training, or find the result in the cache.

    The model is trained first, unless it is cached or given as a checkpoint. An interrupted hardening resumes.
    Started by torchrun, several processes share out each batch.

    \b
    robusthash harden cgat --model dpsh --output dpsh-cgat.safetensors
    robusthash eval --model dpsh --model dpsh-cgat.safetensors --attack hinge
    torchrun --nproc-per-node 2 -m robusthash harden cgat --model dpsh --output dpsh-cgat.safetensors
    """
    setting = make_setting(**values)
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.evaluation.planning.training import hardening_request
    from robusthash.files.storage import require_writable_file

    request = hardening_request(defense, model, bits, setting)
    host = load_host(context)
    request = settled(request, host)
    check_early(request, host, own_bits=True)
    if output is not None:
        require_writable_file(output, "--output")
    from robusthash.evaluation import harden_victim
    from robusthash.evaluation.tasks.teams import is_first

    first = is_first()
    tell_device(setting.device, quiet=quiet or not first)
    with progress(quiet=quiet or not first) as report:
        stored = harden_victim(defense, model, bits, request.setting, host, output=output, progress=report)
    if not first:
        return
    following: Sequence[str | Path] = ("eval", "--model", stored.path, *data_arguments(values), "--attack", "hinge")
    report_checkpoint(stored, done="hardened", following=following, as_json=as_json)
