"""``robusthash train``: train a hash model and save its checkpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from robusthash.cli.checkpoints import output_option, report_checkpoint
from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.names import TRAINED
from robusthash.cli.input.setting import make_setting, setting_options
from robusthash.cli.input.victim import bits_option
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.following import data_arguments


@click.command("train")
@click.option("--model", type=TRAINED, required=True, metavar="NAME", help="Hash model.")
@bits_option
@config_option()
@setting_options
@output_option
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context, /, *, model: str, bits: int, output: Path | None, as_json: bool, quiet: bool, **values: Any
) -> None:
    """Train a hash model, or find it in the cache.

    An interrupted training resumes. Started by torchrun, several processes share out each batch.

    \b
    robusthash train --model dpsh --output dpsh.safetensors
    robusthash eval --model dpsh --checkpoint dpsh.safetensors --attack rnm
    torchrun --nproc-per-node 2 -m robusthash train --model dpsh --output dpsh.safetensors
    """
    setting = make_setting(**values)
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.evaluation.planning.training import training_request
    from robusthash.files.storage import require_writable_file

    request = training_request(model, bits, setting)
    host = load_host(context)
    request = settled(request, host)
    check_early(request, host)
    if output is not None:
        require_writable_file(output, "--output")
    from robusthash.evaluation import train_victim
    from robusthash.evaluation.tasks.teams import is_first

    first = is_first()
    tell_device(setting.device, quiet=quiet or not first)
    with progress(quiet=quiet or not first) as report:
        stored = train_victim(model, bits, request.setting, host, output=output, progress=report)
    if not first:
        return
    trained = ("--model", model, "--bits", str(stored.description.bits), "--checkpoint", stored.path)
    following: Sequence[str | Path] = ("eval", *trained, *data_arguments(values), "--attack", "rnm")
    report_checkpoint(stored, done="trained", following=following, as_json=as_json)
