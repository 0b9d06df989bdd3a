"""The options that eval, train, harden and attack share, and the run settings that they define."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from robusthash.cli.config.option import merge_assignments
from robusthash.cli.input.names import BACKBONE, DATASET, DEVICE, OPTION, WEIGHTS
from robusthash.cli.input.numbers import COUNT, SEED, SIDE
from robusthash.cli.input.paths import PATH
from robusthash.files.paths import read_path
from robusthash.options import parse_assignments
from robusthash.specs import NAMED_WEIGHTS

if TYPE_CHECKING:
    from robusthash.evaluation import RunSettings

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--dataset",
        type=DATASET,
        default="auto",
        show_default="digits, or what the model suggests",
        metavar="NAME",
        help="Dataset.",
    ),
    click.option("--data-root", type=PATH, metavar="DIR", help="Folder with the dataset's files."),
    click.option("--image-size", type=SIDE, metavar="PIXELS", help="Resize images to this height and width."),
    click.option("--queries", type=COUNT, metavar="N", help="Attack only N queries, drawn with the seed."),
    click.option(
        "--backbone",
        type=BACKBONE,
        metavar="NAME",
        help="Feature network; by default the one that the dataset suggests.",
    ),
    click.option(
        "--weights",
        type=WEIGHTS,
        default="none",
        show_default=True,
        metavar="none|default|PATH",
        help="Initial weights of the backbone.",
    ),
    click.option("--checkpoint", type=PATH, metavar="FILE", help="Trained weights (safetensors)."),
    click.option(
        "-o",
        "--option",
        "assignments",
        type=OPTION,
        multiple=True,
        callback=merge_assignments,
        metavar="PLUGIN.FIELD=VALUE",
        help="Set an option of a plugin or of training: -o rnm.steps=200 -o train.epochs=5; an attack's, where a "
        "defense has its name: -o attack:fpad.steps=5.",
    ),
    click.option("--seed", type=SEED, default=0, show_default=True, metavar="N", help="Seed of all random numbers."),
    click.option(
        "--device",
        type=DEVICE,
        default="auto",
        show_default=True,
        metavar="auto|cpu|cuda:N|mps",
        help="What to compute on.",
    ),
)


def setting_options(command: Command) -> Command:
    """Adds the shared options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def make_setting(assignments: tuple[str, ...], **values: Any) -> "RunSettings":
    """The run settings that the shared options define.

    Args:
        assignments: ``plugin.field=value`` texts.
        values: fields of :class:`~robusthash.evaluation.RunSettings`.
    """
    from robusthash.evaluation import RunSettings

    if values["weights"] not in NAMED_WEIGHTS:
        values["weights"] = str(read_path(values["weights"], "--weights"))
    return RunSettings(options=parse_assignments(assignments), **values)
