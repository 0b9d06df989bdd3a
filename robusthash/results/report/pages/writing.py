"""A report as one file that needs nothing beside it, and as a folder of pages that any static host serves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robusthash.errors import StorageError
from robusthash.files.storage import write_atomically
from robusthash.results.gate.wording import headline
from robusthash.results.report.content import Report
from robusthash.results.report.feed import FILE, to_feed
from robusthash.results.report.judging import judgements
from robusthash.results.report.pages.environment import environment

_RECORDS = "records"
_OURS = re.compile(r"[0-9a-f]{12}\.html")
_SHOWN = 12  #: digits of a digest in the name of a page


@dataclass(frozen=True, kw_only=True)
class Page:
    """A file of a site.

    Attributes:
        path: relative to the site, with ``/``; made of our own words and of digests alone.
        content: of the file.
    """

    path: str
    content: bytes


def to_html(report: Report) -> str:
    """The report as one HTML file: leaderboard, curves, and every record."""
    template = environment().get_template("report.html.j2")
    return template.render(
        report=report,
        **_gate(report),
        pages=list(report.pages()),
        above="",
        href=lambda digest: f"#record-{digest[:_SHOWN]}",
    )


def site_pages(report: Report, address: str | None = None) -> Iterator[Page]:
    """The report as a folder: an index, a page a record, and a feed of them. All links in pages are relative.

    Args:
        report: the report.
        address: of the site, for the feed; None leaves absolute addresses out.
    """
    index = environment().get_template("index.html.j2")
    content = index.render(
        report=report, above="", **_gate(report), href=lambda digest: f"{_RECORDS}/{digest[:_SHOWN]}.html"
    )
    yield Page(path="index.html", content=content.encode())
    template = environment().get_template("record.html.j2")
    pages = {digest: f"{_RECORDS}/{digest[:_SHOWN]}.html" for digest in report.order}
    for page in report.pages():
        content = template.render(report=report, page=page, above="../")
        yield Page(path=pages[page.digest], content=content.encode())
    yield Page(path=FILE, content=to_feed(report, pages, address))


def write_site(folder: Path, pages: Iterator[Page]) -> list[Path]:
    """Writes the pages of a site, and removes pages of records that are no longer among them.

    Args:
        folder: made if it is missing; files that are not ours stay.
        pages: of the site.

    Returns:
        The paths of the pages.

    Raises:
        StorageError: the folder cannot be written.
    """
    written = []
    for page in pages:
        path = folder.joinpath(*page.path.split("/"))
        write_atomically(path, page.content)
        written.append(path)
    for path in sorted((folder / _RECORDS).glob("*.html")):
        if _OURS.fullmatch(path.name) and path not in written:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(
                    f"cannot remove {path}, the page of a record that is gone: {error.strerror or error}",
                    hint="remove it before the site is published",
                ) from error
    return written


def _gate(report: Report) -> dict[str, object]:
    """What the templates say of the verdict."""
    verdict = report.verdict
    return {
        "verdict": verdict,
        "headline": headline(verdict) if verdict else "",
        "judgements": list(judgements(verdict)) if verdict else [],
    }
