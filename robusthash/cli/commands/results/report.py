"""``robusthash report``: stored results as a page for people, or as a site. Needs neither torch nor a model."""

import re
from pathlib import Path

import click

from robusthash.cli.gates.gating import (
    allow_option,
    baseline_option,
    newest_option,
    rule_option,
    rules_file_option,
    settings_of,
)
from robusthash.cli.input.paths import PATH
from robusthash.cli.input.selection import nothing, selection_options
from robusthash.cli.output.lines import line
from robusthash.errors import UsageError

_DEFAULT = Path("report.html")


@click.command("report")
@click.argument("results", type=PATH, nargs=-1, metavar="[RESULTS]...")
@click.option(
    "-o", "--output", type=PATH, metavar="FILE", help=f"The file.  [default: {_DEFAULT}, unless there is a --site]"
)
@click.option("--site", type=PATH, metavar="DIR", help="Write a folder of pages: an index, and a page a record.")
@click.option("--url", metavar="URL", help="Address that the site will have, for its feed: https://example.org/board.")
@click.option("--title", default="Robustness report", show_default=True, metavar="TEXT", help="Title of the pages.")
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    metavar="N",
    help="Most queries with pictures; there are some of results that were evaluated with --keep-pictures.",
)
@rules_file_option
@rule_option
@baseline_option
@allow_option
@newest_option
@selection_options
def command(
    *,
    results: tuple[Path, ...],
    output: Path | None,
    site: Path | None,
    url: str | None,
    title: str,
    pictures: int,
    rules_file: Path | None,
    rules: tuple[str, ...],
    baseline: Path | None,
    allow: tuple[str, ...],
    newest: bool,
    datasets: tuple[str, ...],
    models: tuple[str, ...],
    attacks: tuple[str, ...],
) -> None:
    """Write stored results as one HTML file that needs no network, or as a site.

    RESULTS are results folders, by default results. The report has the leaderboard, curves, transfer matrices, and for
    every record the distribution over its queries, the bits that turn, the classes, the worst queries with what they
    find, the soundness flags explained, the recipe, and the commands that make its numbers again. With rules, it
    shows the verdict of the gate; the exit code does not depend on it.

    A pattern is a name with the wildcards * and ?.

    \b
    robusthash report
    robusthash report results -o report.html --fail-under 'map[attack=rnm] >= 0.30'
    robusthash report results-a results-b --site public
    """
    from robusthash.files.storage import require_writable, require_writable_file, write_atomically
    from robusthash.results.report import build_report, gather, site_pages, to_html, verdict_on, write_site
    from robusthash.results.report.pages.environment import require_templates

    require_templates()
    if url is not None and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
        raise UsageError(f"--url {url!r} is no address", hint="https://example.org/board")
    if url is not None and site is None:
        raise UsageError("--url is the address of a site", hint="name its folder with --site DIR")
    target = output or (None if site else _DEFAULT)
    if target is not None:
        require_writable_file(target, "--output")
    if site is not None:
        require_writable(site, "--site")
    folders = results or (Path("results"),)
    gathered = gather(
        folders,
        choose=lambda found: found.select(datasets=datasets, models=models, attacks=attacks),
    )
    for problem in gathered.unreadable:
        line(f"warning: skipped: {problem.message}", err=True)
    if not gathered.records:
        nothing(f"no record in {', '.join(map(str, folders))} matches", "robusthash eval writes some")
    verdict = None
    if rules or rules_file or baseline:
        settings = settings_of(rules, rules_file, baseline).allowing(frozenset(allow))
        verdict = verdict_on(gathered, settings, newest=newest)
    report = build_report(gathered, title=title, pictures=pictures, verdict=verdict)
    if target is not None:
        content = to_html(report).encode()
        write_atomically(target, content)
        line(f"report: {target}, {len(gathered.records)} records, {len(content) / 1e6:.1f} MB")
    if site is not None:
        pages = write_site(site, site_pages(report, url))
        line(f"site: {site / 'index.html'}, {len(pages)} pages")
