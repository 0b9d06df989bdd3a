"""Shared by the commands that write a checkpoint: the output option, and the report."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.input.paths import PATH
from robusthash.cli.output.following import tell_next
from robusthash.cli.output.lines import line

if TYPE_CHECKING:
    from robusthash.evaluation.victims.checkpoints import StoredModel

output_option = click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write the checkpoint to this file instead of the cache.",
)


def report_checkpoint(stored: "StoredModel", *, done: str, following: Sequence[str | Path], as_json: bool) -> None:
    """Reports a checkpoint.

    Args:
        stored: the checkpoint.
        done: one word for the work done otherwise.
        following: arguments of the command to run next.
        as_json: print JSON.
    """
    if as_json:
        click.echo(
            json.dumps({"path": str(stored.path), "cached": stored.cached, **asdict(stored.description)}, indent=2)
        )
        return
    probe = stored.description.report["probes"][-1]
    line(f"{'found in the cache' if stored.cached else done}: {stored.path}")
    click.echo(f"MAP within the train split: {probe['map']:.3f} (random codes: {probe['floor']:.3f})")
    tell_next(*following)
