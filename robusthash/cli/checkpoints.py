"""What the commands that write a checkpoint share: where it goes, and what is told of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from robusthash.training import Description

output_option = click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the checkpoint here; the cache if not given.",
)


def tell(path: Path, description: "Description", *, cached: bool, done: str, following: str, as_json: bool) -> None:
    """Tells of a checkpoint that a training has made.

    Args:
        path: of the checkpoint.
        description: of what made it.
        cached: whether it was there before.
        done: what was done otherwise, in one word.
        following: the command to go on with.
        as_json: print JSON.
    """
    if as_json:
        click.echo(json.dumps({"path": str(path), "cached": cached, **asdict(description)}, indent=2))
        return
    probe = description.report["probes"][-1]
    click.echo(f"{'found in the cache' if cached else done}: {path}")
    click.echo(f"MAP within the train split: {probe['map']:.3f} (codes that say nothing: {probe['floor']:.3f})")
    click.echo(f"next: {following}")
