"""Reports in one call, for notebooks."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from robusthash.errors import UsageError
from robusthash.files.paths import read_path
from robusthash.files.storage import require_writable, require_writable_file, write_atomically
from robusthash.results.gate.grammar import parse_rule
from robusthash.results.gate.rules import Place
from robusthash.results.gate.settings import GateSettings
from robusthash.results.report.content import PICTURES, build_report
from robusthash.results.report.judging import verdict_on
from robusthash.results.report.pages.environment import require_templates
from robusthash.results.report.pages.writing import site_pages, to_html, write_site
from robusthash.results.report.sources import gather

_Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


def report(
    results: _Paths = "results",
    path: str | PathLike[str] = "report.html",
    *,
    site: bool = False,
    title: str = "Robustness report",
    pictures: int = PICTURES,
    rules: str | Iterable[str] = (),
) -> Path:
    """Writes stored results as one HTML file, or as a folder of pages. It needs neither torch nor a model.

    Args:
        results: results folder, or several.
        path: of the file; with ``site``, of the folder.
        site: write a folder with an index and a page a record.
        title: of the pages.
        pictures: most queries with pictures.
        rules: of a gate whose verdict is shown: ``"map[attack=strongest] >= 0.30"``.

    Returns:
        Path of the file, or of the site's index.

    Raises:
        UsageError: an argument is wrong.
        InputError: a results folder does not exist, or cannot be judged.
        MissingDependencyError: jinja2 is not installed.
        StorageError: the report cannot be written.
    """
    require_templates()
    if isinstance(pictures, bool) or not isinstance(pictures, int) or pictures < 0:
        raise UsageError(f"pictures={pictures!r} is not a number of queries", hint="pass 0 or more")
    folders = [results] if isinstance(results, str | PathLike) else list(results)
    if not folders:
        raise UsageError("there is no results folder", hint="pass a path")
    target = read_path(path, "path")
    gathered = gather([read_path(one, "results folder") for one in folders])
    texts = [rules] if isinstance(rules, str) else list(rules)
    verdict = None
    if texts:
        parsed = tuple(parse_rule(rule, where=Place(name="rules")) for rule in texts)
        verdict = verdict_on(gathered, GateSettings(rules=parsed))
    made = build_report(gathered, title=title, pictures=pictures, verdict=verdict)
    if site:
        require_writable(target, "path")
        return write_site(target, site_pages(made))[0]
    require_writable_file(target, "path")
    write_atomically(target, to_html(made).encode())
    return target
