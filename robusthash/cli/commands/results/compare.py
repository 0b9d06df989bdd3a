"""``robusthash compare``: whether two stored results differ, query by query."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.common import json_option, out, results_option

if TYPE_CHECKING:
    from robusthash.results.comparing.differences import Difference
    from robusthash.results.rendering.sheet import Table


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
    from robusthash.results.rendering.terminal import FittedTable, text

    store = ResultStore(results)
    left, right = store.locate(first), store.locate(second)
    differences = compare(left, store.arrays_beside(first, left), right, store.arrays_beside(second, right))
    if as_json:
        click.echo(json.dumps([asdict(difference) for difference in differences], indent=2))
        return
    console, names = out(), Names.of((left, right))
    for name, record in (("first", left), ("second", right)):
        victim = names.victim(victim_key(record))
        attack, radius = names.attack(attack_key(record.attack)), record.attack.radius
        console.print(text(f"{name}: {attack} on {victim}, {radius}"))
    console.print()
    console.print(FittedTable(_table(differences)))


def _table(differences: "Sequence[Difference]") -> "Table":
    """The differences; those that are more than chance stand out."""
    from robusthash.results.rendering.sheet import Column, Emphasis, Line, Table

    columns = (
        Column(name="stage", words=True, grouped=True),
        Column(name="metric", words=True),
        Column(name="first", omitted=0),
        Column(name="second", omitted=1),
        Column(name="first - second [95 %]", ranged=True),
        Column(name="p"),
    )
    lines = []
    for one in differences:
        paired = one.paired
        cells = (
            one.stage,
            one.metric,
            f"{one.left:.3f}",
            f"{one.right:.3f}",
            f"{paired.difference:+.3f} [{paired.low:+.3f}, {paired.high:+.3f}]",
            f"{paired.p_value:.4f}",
        )
        sure = paired.low > 0 or paired.high < 0
        lines.append(Line(cells=cells, emphasis=Emphasis.BEST if sure else Emphasis.FAINT))
    return Table(columns=columns, lines=tuple(lines))
