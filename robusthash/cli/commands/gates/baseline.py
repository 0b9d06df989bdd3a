"""``robusthash baseline``: write and show what the gate compares with. Needs neither torch nor numpy."""

import json
from pathlib import Path

import click

from robusthash.cli.common import json_option
from robusthash.cli.gates.gating import baseline_option, material_of, newest_option, rules_file_option, settings_of
from robusthash.cli.input.paths import PATH
from robusthash.cli.output.columns import show_table
from robusthash.cli.output.lines import line


@click.group("baseline")
def command() -> None:
    """Write and show the baseline of the gate."""


@command.command("update")
@click.argument("results", type=PATH, default=Path("results"), metavar="[RESULTS]")
@rules_file_option
@baseline_option
@newest_option
def update(*, results: Path, rules_file: Path | None, baseline: Path | None, newest: bool) -> None:
    """Write the baseline: the queries' values of the cells that the rules name.

    What no rule compares with a baseline is left out. The file is made to be committed.

    \b
    robusthash baseline update results --rules pyproject.toml
    """
    from robusthash.results.gate import DEFAULT_BASELINE, updated, write_baseline

    settings = settings_of((), rules_file, baseline)
    path = settings.baseline or Path(DEFAULT_BASELINE)
    written = write_baseline(path, updated(material_of(results, newest=newest), settings))
    line(f"{path}: {len(written.cells)} cells")


@command.command("show")
@click.argument("baseline", type=PATH, required=False, metavar="[FILE]")
@json_option
def show(*, baseline: Path | None, as_json: bool) -> None:
    """Show what a baseline holds.

    \b
    robusthash baseline show robusthash-baseline.json
    """
    from robusthash.results.gate import DEFAULT_BASELINE, read_baseline
    from robusthash.results.rendering.sheet import Column, Line, Table

    stored = read_baseline(baseline or Path(DEFAULT_BASELINE))
    if as_json:
        content = [
            {
                "setting": dict(cell.setting),
                "victim": dict(cell.victim),
                "origin": dict(cell.origin),
                "mean": cell.measure.value,
                "interval": [cell.measure.low, cell.measure.high],
            }
            for cell in stored.cells
        ]
        click.echo(json.dumps(content, indent=2))
        return
    columns = (
        Column(name="dataset", words=True),
        Column(name="model", words=True),
        Column(name="attack", words=True),
        Column(name="metric", words=True),
        Column(name="value"),
        Column(name="queries", omitted=0),
        Column(name="weights", words=True, omitted=1),
        Column(name="created", words=True, omitted=2),
    )
    lines = (
        Line(
            cells=(
                cell.setting["dataset"],
                cell.victim_name,
                cell.attack_name,
                cell.metric_name,
                f"{cell.measure.value:.4f}",
                str(cell.queries),
                cell.origin["weights"][:12],
                cell.origin["created"][:10],
            )
        )
        for cell in stored.cells
    )
    show_table(Table(columns=columns, lines=tuple(lines)))
