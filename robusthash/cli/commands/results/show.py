"""``robusthash show``: everything that one record holds. Needs neither torch nor numpy."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.common import json_option, out, results_option
from robusthash.errors import RobustHashError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from robusthash.results import Flag, Record


@click.command("show")
@click.argument("record", metavar="RECORD")
@results_option
@json_option
def command(*, record: str, results: Path, as_json: bool) -> None:
    """Show one stored result in full: what was run, on what, and what came out.

    RECORD is a record's file, or the first digits of its digest.

    \b
    robusthash show 3f9a2c
    robusthash show results/digits/dpsh-32bit/none/rnm-3f9a2c51d0e7.json --json
    """
    from robusthash.results import ResultStore
    from robusthash.results.comparing.consistency import inconsistencies

    store = ResultStore(results)
    found = store.locate(record)
    if as_json:
        click.echo(found.to_json(), nl=False)
        return
    path = Path(record)
    others = _siblings(path) if path.is_file() else store.load_all()[0]
    from robusthash.results.rendering.terminal import Facts

    console = out()
    for part in _parts(found, found.outcome.flags + inconsistencies(others).get(found.digest, ())):
        console.print(part, soft_wrap=isinstance(part, Facts))


def _siblings(path: Path) -> "Iterator[Record]":
    """The records in a file's own folder, where the store keeps those of one victim; other files are passed over."""
    from robusthash.results import read_record

    for one in sorted(path.parent.glob("*.json")):
        try:
            yield read_record(one)
        except RobustHashError:
            continue


def _parts(record: "Record", flags: "tuple[Flag, ...]") -> "Iterator[RenderableType]":
    from robusthash.results.facts import metrics, recipe, results
    from robusthash.results.rendering.terminal import Facts, FittedTable, text

    for name, lines in recipe(record):
        yield text(name, style="bold")
        yield Facts(lines or [("", "none")])
    yield text("metrics", style="bold")
    yield FittedTable(metrics(record))
    for name, lines in results(record):
        yield text(name, style="bold")
        yield Facts(lines or [("", "none")])
    yield text("soundness", style="bold")
    yield from _flags(flags)


def _flags(flags: "tuple[Flag, ...]") -> "Iterator[RenderableType]":
    from robusthash.results.rendering.terminal import text

    if not flags:
        yield text("  no check failed", style="green")
    yield from (text(f"  {flag.id} {flag.message}", style="yellow") for flag in flags)
