"""The options that name one model, with its code length and its defense."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from robusthash.cli.input.names import DEFENSE, MODEL
from robusthash.cli.input.numbers import BITS

Command = TypeVar("Command", bound=Callable[..., Any])

USUAL_BITS = 32  #: code length, where none is asked for

model_option = click.option(
    "--model",
    type=MODEL,
    required=True,
    metavar="NAME|FILE",
    help="Hash model, a checkpoint, or path/to/file.py:build.",
)
bits_option = click.option("--bits", type=BITS, default=USUAL_BITS, show_default=True, metavar="K", help="Code length.")
defense_option = click.option(
    "--defense", type=DEFENSE, default="none", show_default=True, metavar="NAME", help="Defense of the model."
)


def victim_options(command: Command) -> Command:
    """Adds all three to a command."""
    for option in (defense_option, bits_option, model_option):
        command = option(command)
    return command
