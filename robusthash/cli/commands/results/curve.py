"""``robusthash curve``: stored sweeps as tables and plots. Needs no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from robusthash.cli.common import out, results_option
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.selection import nothing, select, selection_options
from robusthash.cli.output.lines import line

if TYPE_CHECKING:
    import numpy as np

    from robusthash.results import Record, ResultStore

_HINTS = {
    "epsilon": "evaluate at several: robusthash eval --epsilon 0.1 --epsilon 0.2 ...",
    "effort": "evaluate with several: robusthash eval --vary rnm.steps=10,50,100 ...",
    "bits": "evaluate several code lengths: robusthash eval --bits 16 --bits 32 ...",
    "iteration": "gradient attacks store one: evaluate again with --force",
    "jpeg": "evaluate with some: robusthash eval --jpeg 90 --jpeg 75 ...",
}


@click.command("curve")
@click.option(
    "--over",
    type=click.Choice(["epsilon", "effort", "bits", "iteration", "jpeg"]),
    required=True,
    help="The x axis: the radius, the attack's effort, the code length, the steps within a run, or the JPEG quality.",
)
@results_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "markdown", "latex", "csv", "json"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--plot",
    type=PATH,
    metavar="FILE",
    help="Also plot to this file: .svg, .png or .pdf. Needs robusthash[plot].",
)
@selection_options
def command(
    *,
    over: str,
    results: Path,
    form: str,
    plot: Path | None,
    datasets: tuple[str, ...],
    models: tuple[str, ...],
    attacks: tuple[str, ...],
) -> None:
    """Show stored results as curves: the metric over epsilon, effort, bits or JPEG quality.

    Records that differ only in that form a curve; single records are left out. Effort is the option that sets how long
    an attack runs, such as its steps. Over iteration: the mean Hamming distance to the aim after each step of a
    gradient attack.

    A pattern is a name with the wildcards * and ?.

    \b
    robusthash curve --over epsilon
    robusthash curve --over iteration --attack 'rnm*' --plot steps.svg
    """
    from robusthash.results import ResultStore
    from robusthash.results.curves.curves import build_curves
    from robusthash.results.curves.files import curves_to_csv, curves_to_json, curves_to_latex, curves_to_markdown
    from robusthash.results.curves.panels import Over
    from robusthash.results.curves.terminal import render_curves

    if plot is not None:
        from robusthash.results.figures.canvas import require_plot

        require_plot(plot)
    store = ResultStore(results)
    selected = select(store, datasets=datasets, models=models, attacks=attacks)
    curves = build_curves(selected, Over(over), trace_of=lambda record: _trace(store, record))
    if not curves.panels:
        alone = f"differs from another in {over} alone"
        lacking = {"iteration": "has a trace of its steps", "jpeg": "has scores after JPEG"}.get(over, alone)
        nothing(f"none of {len(selected)} records {lacking}", _HINTS[over])
    if form == "table":
        out().print(render_curves(curves))
    else:
        writers = {"markdown": curves_to_markdown, "latex": curves_to_latex, "csv": curves_to_csv}
        click.echo(writers.get(form, curves_to_json)(curves), nl=False)
    if plot is not None:
        from robusthash.results.curves.plots import save_plot

        save_plot(curves, plot)
        line(f"plot: {plot}", err=True)


def _trace(store: "ResultStore", record: "Record") -> "np.ndarray | None":
    """The array of distances to the aim; None if the record has none, or if its arrays are missing."""
    from robusthash.errors import InputError
    from robusthash.results.records.arrays import TRACE

    try:
        return store.arrays(record).columns.get(TRACE)
    except InputError as error:
        line(f"warning: skipped: {error}", err=True)
        return None
