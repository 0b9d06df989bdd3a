"""``robusthash figure``: figures of stored results for papers. Needs no torch."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from robusthash.cli.common import results_option
from robusthash.cli.input.numbers import COUNT
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.selection import select, selection_options
from robusthash.cli.output.lines import line

if TYPE_CHECKING:
    from robusthash.results import Record, ResultStore

_Function = Callable[..., Any]


@click.group("figure")
def command() -> None:
    """Draw stored results for a paper, as SVG, PDF or PNG.

    The same results give the same bytes. Needs robusthash[plot].
    """


def _output(function: _Function) -> _Function:
    return click.option("--output", type=PATH, required=True, metavar="FILE", help="The figure: .svg, .pdf or .png.")(
        function
    )


def _queries(function: _Function) -> _Function:
    return click.option("--queries", type=COUNT, default=3, show_default=True, metavar="N", help="Queries to draw.")(
        function
    )


@command.command("cam")
@_output
@results_option
@_queries
@selection_options
def cam(*, output: Path, results: Path, queries: int, **patterns: tuple[str, ...]) -> None:
    """Draw where a victim looks in clean and in attacked queries (Grad-CAM).

    The columns are the attacks, in the order in which --attack names them. Pictures come from eval --keep-pictures.

    \b
    robusthash figure cam --attack mosaic --attack brightness --attack noise --attack rnm --output cam.pdf
    """
    store, records = _selected(output, results, patterns)
    from robusthash.results.figures.cam import save_cam

    save_cam(records, {record.digest: store.pictures(record) for record in records}, output, queries=queries)
    line(f"figure: {output}", err=True)


@command.command("worst")
@click.argument("record", metavar="RECORD")
@_output
@results_option
@_queries
@click.option("--neighbours", type=COUNT, default=5, show_default=True, metavar="K", help="Items beside each.")
def worst(*, record: str, output: Path, results: Path, queries: int, neighbours: int) -> None:
    """Draw the queries of a record that an attack hurt most, and what was found before and after.

    RECORD is a record's file, or the first digits of its digest. Pictures come from eval --keep-pictures.

    \b
    robusthash figure worst 3f9a2c --output worst.pdf
    """
    from robusthash.errors import InputError
    from robusthash.results import ResultStore
    from robusthash.results.figures.canvas import require_plot
    from robusthash.results.figures.worst import save_worst

    require_plot(output, "--output")
    store = ResultStore(results)
    found = store.locate(record)
    pictures = store.pictures(found)
    if pictures is None:
        raise InputError(
            f"no pictures are kept of {found.digest[:12]}", hint="evaluate with --keep-pictures N, which adds them"
        )
    arrays, database = store.arrays(found), store.database(found)
    save_worst(found, arrays, pictures, database, output, queries=queries, neighbours=neighbours)
    line(f"figure: {output}", err=True)


@command.command("distribution")
@_output
@results_option
@selection_options
def distribution(*, output: Path, results: Path, **patterns: tuple[str, ...]) -> None:
    """Draw how the headline metric is spread over the queries, before and after each attack.

    \b
    robusthash figure distribution --model dpsh --output distribution.pdf
    """
    store, records = _selected(output, results, patterns)
    from robusthash.results.figures.distribution import save_distribution

    save_distribution(records, {record.digest: store.arrays(record) for record in records}, output)
    line(f"figure: {output}", err=True)


@command.command("bits")
@_output
@results_option
@selection_options
def bits(*, output: Path, results: Path, **patterns: tuple[str, ...]) -> None:
    """Draw which bits each attack on a victim turns, and how balanced they are.

    \b
    robusthash figure bits --model dpsh --output bits.svg
    """
    store, records = _selected(output, results, patterns)
    from robusthash.results.figures.bits import save_bits

    arrays = {record.digest: store.arrays(record) for record in records}
    save_bits(records, arrays, store.database(records[0]), output)
    line(f"figure: {output}", err=True)


def _selected(output: Path, results: Path, patterns: dict[str, tuple[str, ...]]) -> "tuple[ResultStore, list[Record]]":
    """The records that match, in the order of the patterns of attacks."""
    from fnmatch import fnmatchcase

    from robusthash.results import ResultStore
    from robusthash.results.figures.canvas import require_plot

    require_plot(output, "--output")
    store, attacks = ResultStore(results), patterns["attacks"]
    found = select(store, datasets=patterns["datasets"], models=patterns["models"], attacks=attacks)

    def place(record: "Record") -> int:
        return next((at for at, one in enumerate(attacks) if fnmatchcase(record.attack.name, one)), len(attacks))

    return store, sorted(found, key=place)
