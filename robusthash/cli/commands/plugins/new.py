"""``robusthash plugins new``: a complete distribution to start from."""

from pathlib import Path
from shlex import quote

import click

from robusthash.cli.commands.plugins.listing import print_json
from robusthash.cli.common import json_option
from robusthash.cli.input.paths import PATH
from robusthash.cli.output.lines import line
from robusthash.files.storage import require_writable
from robusthash.scaffold import KINDS, blueprint, write


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What the plugin adds.")
@click.option(
    "--into",
    type=PATH,
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
    require_writable(into, "--into")
    folder = write(plan, into)
    if as_json:
        print_json({"folder": str(folder), "name": plan.name, "files": [str(path) for path in plan.files]})
        return
    line(f"{folder}:")
    for path in plan.files:
        click.echo(f"    {path}")
    click.echo()
    line(f"pip install -e {quote(str(folder))}")
    click.echo(f"robusthash plugins test {plan.distribution}\n{plan.use}")
