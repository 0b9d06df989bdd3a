"""``robusthash gate``: judge stored results by rules, and against a baseline. Needs neither torch nor numpy."""

from pathlib import Path

import click

from robusthash.cli.common import json_option
from robusthash.cli.gates.gating import (
    baseline_option,
    clear_reports,
    judging_options,
    material_of,
    newest_option,
    rule_option,
    rules_file_option,
    settings_of,
    show_verdict,
)
from robusthash.cli.input.paths import PATH
from robusthash.cli.output.lines import line


@click.command("gate")
@click.argument("results", type=PATH, default=Path("results"), metavar="[RESULTS]")
@rules_file_option
@rule_option
@baseline_option
@click.option("--require-baseline", is_flag=True, help="A result without a baseline is an error.")
@click.option(
    "--candidate",
    type=PATH,
    metavar="FILE",
    help="Where a first run writes what could be the baseline; by default beside the baseline.",
)
@newest_option
@judging_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    results: Path,
    rules_file: Path | None,
    rules: tuple[str, ...],
    baseline: Path | None,
    require_baseline: bool,
    candidate: Path | None,
    newest: bool,
    allow: tuple[str, ...],
    inconclusive: str | None,
    as_json: bool,
    junit: Path | None,
    sarif: Path | None,
    markdown: Path | None,
) -> None:
    """Judge the results in a folder by rules, and against a baseline.

    A rule that does not hold fails the gate. A drop is judged by the paired differences of the queries: it is too large
    if its interval excludes what is allowed, and inconclusive if the interval contains it.

    Exit codes: 0 passed, 3 failed, 4 inconclusive, 5 no results, 2 wrong rules, or results that cannot be compared.

    \b
    robusthash gate results --fail-under 'map[attack=strongest] >= 0.30'
    robusthash gate results --rules pyproject.toml --baseline robusthash-baseline.json --junit gate.xml
    """
    from robusthash.results.gate import (
        DEFAULT_BASELINE,
        NoticeKind,
        Undecided,
        judge,
        read_baseline,
        updated,
        write_baseline,
    )

    reports = {"junit": junit, "sarif": sarif, "markdown": markdown}
    clear_reports(reports)
    settings = settings_of(rules, rules_file, baseline).allowing(frozenset(allow))
    material = material_of(results, newest=newest)
    path = settings.baseline or Path(DEFAULT_BASELINE)
    stored = read_baseline(path) if path.exists() or require_baseline else None
    verdict = judge(
        material,
        settings,
        stored,
        require_baseline=require_baseline,
        undecided=Undecided(inconclusive) if inconclusive else None,
    )
    if any(notice.kind is NoticeKind.FIRST_RUN for notice in verdict.notices):
        target = candidate or path.with_suffix(f".candidate{path.suffix}")
        write_baseline(target, updated(material, settings))
        line(f"first run: wrote {target}; to accept it, rename it to {path} and commit it", err=True)
    context.exit(show_verdict(verdict, as_json=as_json, reports=reports))
