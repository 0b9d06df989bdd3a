"""``robusthash submission``: what is submitted to a public leaderboard."""

import click

from robusthash.cli.commands.submissions.check import check

__all__ = ["command"]


@click.group("submission")
def command() -> None:
    """Check what is submitted to a public leaderboard."""


command.add_command(check)
