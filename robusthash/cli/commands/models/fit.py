"""``robusthash fit``: let an attack learn on a model, and save what it has learnt."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.common import json_option, load_host, progress, quiet_option
from robusthash.cli.config.option import config_option
from robusthash.cli.input.names import ATTACK, DIRECTION, PRECISION
from robusthash.cli.input.numbers import RADIUS
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.setting import make_setting, setting_options
from robusthash.cli.input.victim import victim_options
from robusthash.cli.output.devices import tell_device
from robusthash.cli.output.following import tell_next
from robusthash.cli.output.lines import line
from robusthash.epsilon import parse_radius
from robusthash.specs import Direction, Precision

if TYPE_CHECKING:
    from robusthash.evaluation.planning.fitted import FittedAttack

_REPEATED = ("bits", "defense", "direction", "dataset", "data_root", "image_size", "backbone", "weights", "checkpoint")
_OTHERS = ("seed", "device")  #: likewise given again to the command that uses the file


@click.command("fit")
@click.argument("attack", type=ATTACK, metavar="ATTACK")
@victim_options
@click.option(
    "--direction",
    type=DIRECTION,
    metavar="i2i|i2t|t2i|t2t",
    help="Modality of the queries, and of what they search, where a dataset has images and texts.",
)
@click.option(
    "--epsilon", type=RADIUS, metavar="8/255|l2:0.5", help="Radius in L-infinity or L2; by default that of the dataset."
)
@config_option()
@setting_options
@click.option(
    "--precision",
    type=PRECISION,
    default="float32",
    show_default=True,
    metavar="float32|bf16",
    help="Precision of the passes through the model.",
)
@click.option("--output", type=PATH, metavar="FILE", help="Write what is learnt to this file instead of the cache.")
@click.option("--samples", type=PATH, metavar="DIR", help="Folder for pictures of attacked train images.")
@json_option
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    attack: str,
    model: str,
    bits: int,
    defense: str,
    direction: str | None,
    epsilon: str | None,
    precision: str,
    output: Path | None,
    samples: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Let an attack learn on a model without evaluating it, or find what it has learnt in the cache.

    The model is trained first, unless it is cached or given as a checkpoint. Interrupted learning resumes. --fitted
    uses the file on this model or on others. Started by torchrun, several processes share out each batch.

    \b
    robusthash fit prosgan --model dpsh --output prosgan.safetensors
    robusthash eval --model dpsh --model hashnet --fitted prosgan.safetensors
    torchrun --nproc-per-node 2 -m robusthash fit prosgan --model dpsh --output prosgan.safetensors
    """
    from robusthash.evaluation import parse_choice

    setting = make_setting(**values, precision=parse_choice(Precision, "precision", precision))
    from robusthash.evaluation.planning.defaults import settled
    from robusthash.evaluation.planning.early import check_early
    from robusthash.evaluation.planning.training import fitting_request
    from robusthash.files.storage import require_writable, require_writable_file

    request = fitting_request(
        attack,
        model,
        bits,
        setting,
        defense=defense,
        epsilon=None if epsilon is None else parse_radius(epsilon),
        direction=None if direction is None else parse_choice(Direction, "direction", direction),
    )
    host = load_host(context)
    request = settled(request, host)
    check_early(request, host)
    if output is not None:
        require_writable_file(output, "--output")
    if samples is not None:
        require_writable(samples, "--samples")
    from robusthash.evaluation import fit_attack
    from robusthash.evaluation.tasks.teams import is_first

    first = is_first()
    tell_device(setting.device, quiet=quiet or not first)
    with progress(quiet=quiet or not first) as report:
        found = fit_attack(request, host, output=output, samples=samples, progress=report)
    if not first:
        return
    if as_json:
        from robusthash.evaluation.planning.fitting import described

        told = {"path": str(found.path), "cached": found.cached, **described(found.fitting)}
        click.echo(json.dumps(told, indent=2))
        return
    _show(found)
    tell_next(*_following(context, found))


def _show(found: "FittedAttack") -> None:
    fitting, spent = found.fitting, found.fitting.spent
    state = "found in the cache" if found.cached else "fitted"
    line(f"{state}: {found.path}")
    line(f"{found.name} on {fitting.model_name}, {fitting.radius}, digest {fitting.digest[:12]}")
    click.echo(f"learning: {spent.forward} forward, {spent.backward} backward passes, {spent.seconds:.3g} s")


def _following(context: click.Context, found: "FittedAttack") -> Iterator[str]:
    """The command that evaluates the same model with the file: with all that made the model."""
    yield from ("eval", "--model", context.params["model"])
    for name in (*_REPEATED, *_OTHERS):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            yield from (f"--{name.replace('_', '-')}", str(context.params[name]))
    for assignment in context.params["assignments"]:
        yield from ("-o", assignment)
    yield from ("--fitted", str(found.path))
