"""``robusthash compare``: whether two stored results differ, query by query."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from robusthash.cli.common import json_option, out, results_option


@click.command("compare")
@click.argument("first", metavar="FIRST")
@click.argument("second", metavar="SECOND")
@results_option
@json_option
def command(*, first: str, second: str, results: Path, as_json: bool) -> None:
    """Compare two stored results of the same queries: difference, 95 % interval, and a paired test.

    FIRST and SECOND are records' files, or the first digits of their digests. The test is Fisher's randomisation test:
    p is the probability of a difference at least this large if the two were exchangeable on each query.

    \b
    robusthash compare 3f9a2c 81d0b7
    """
    from robusthash.results import ResultStore
    from robusthash.results.comparing.differences import compare
    from robusthash.results.comparing.keys import attack_key, victim_key
    from robusthash.results.comparing.naming import Names
    from robusthash.results.rendering.terminal import text

    store = ResultStore(results)
    left, right = store.locate(first), store.locate(second)
    differences = compare(left, store.arrays_beside(first, left), right, store.arrays_beside(second, right))
    if as_json:
        click.echo(json.dumps([asdict(difference) for difference in differences], indent=2))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in ("stage", "metric"):
        table.add_column(name)
    for name in ("first", "second", "first - second [95 %]", "p"):
        table.add_column(text(name), justify="right")
    for one in differences:
        paired = one.paired
        sure = "bold" if paired.low > 0 or paired.high < 0 else "dim"
        difference = text("").append(f"{paired.difference:+.3f}", style=sure)
        table.add_row(
            text(one.stage),
            text(one.metric),
            f"{one.left:.3f}",
            f"{one.right:.3f}",
            difference.append(f" [{paired.low:+.3f}, {paired.high:+.3f}]"),
            f"{paired.p_value:.4f}",
        )
    console, names = out(), Names.of((left, right))
    for name, record in (("first", left), ("second", right)):
        victim = names.victim(victim_key(record.victim))
        attack, radius = names.attack(attack_key(record.attack)), record.attack.radius
        console.print(text(f"{name}: {attack} on {victim}, {radius}"))
    console.print(table)
