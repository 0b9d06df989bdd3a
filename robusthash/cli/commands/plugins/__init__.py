"""``robusthash plugins``: list, show and check the installed plugins, test one, and start a new one."""

import click

from robusthash.cli.commands.plugins.doctor import doctor
from robusthash.cli.commands.plugins.listing import list_, show
from robusthash.cli.commands.plugins.new import new
from robusthash.cli.commands.plugins.test import test

__all__ = ["command"]


@click.group("plugins")
def command() -> None:
    """List, show, check and test the installed plugins, and start a new one."""


for part in (list_, show, doctor, test, new):
    command.add_command(part)
