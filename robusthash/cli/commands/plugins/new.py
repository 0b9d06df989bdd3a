"""``robusthash plugins new``: a complete distribution to start from."""

from pathlib import Path

import click

from robusthash.cli.commands.plugins.listing import print_json
from robusthash.cli.common import json_option
from robusthash.scaffold import KINDS, blueprint, write


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What the plugin adds.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Where its folder is made; by default here.",
)
@json_option
def new(*, name: str, kind: str, into: Path, as_json: bool) -> None:
    """Write a new plugin: a package with its entry point, one short class, contract tests and a CI workflow.

    \b
    robusthash plugins new my-hinge --kind gradient-attack
    """
    plan = blueprint(name, kind)
    folder = write(plan, into)
    if as_json:
        print_json({"folder": str(folder), "name": plan.name, "files": [str(path) for path in plan.files]})
        return
    click.echo(f"{folder}:")
    for path in plan.files:
        click.echo(f"    {path}")
    click.echo(f"\npip install -e {folder}\nrobusthash plugins test {plan.distribution}\n{plan.use}")
