"""Hints at errors of usage: of a results folder at the wrong place, where it belongs; else the command's help."""

import re
from pathlib import Path
from shlex import quote

import click

_FOLDER = "results"  #: name of the parameter, an option of some commands and an argument of others
_EXTRA = re.compile(r"^Got unexpected extra argument \((?P<argument>.+)\)$")  #: click's own words


def hint_of(error: click.UsageError) -> str:
    """What to do about an error of usage.

    Args:
        error: as click raised it.
    """
    path = error.ctx.command_path if error.ctx else "robusthash"
    parameters = error.ctx.command.params if error.ctx else []
    folder = next((one for one in parameters if one.name == _FOLDER), None)
    extra = _EXTRA.match(error.format_message())
    if isinstance(folder, click.Option) and extra and _is_folder(extra["argument"], folder):
        return f"the results folder is an option: --{_FOLDER} {quote(extra['argument'])}"
    unknown = error.option_name if isinstance(error, click.NoSuchOption) else None
    if isinstance(folder, click.Argument) and unknown == f"--{_FOLDER}":
        return f"the results folder is an argument: {path} FOLDER"
    return f"{path} --help"


def _is_folder(argument: str, option: click.Option) -> bool:
    return Path(argument) == option.default or Path(argument).is_dir()
