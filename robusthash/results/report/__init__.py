"""The report: results for people, as one HTML file or as a folder of pages. It needs neither torch nor a model."""

from robusthash.results.report.content import PICTURES, RecordPage, Report, build_report
from robusthash.results.report.judging import verdict_on
from robusthash.results.report.making import report
from robusthash.results.report.pages.writing import Page, site_pages, to_html, write_site
from robusthash.results.report.sources import Entry, Folder, Gathered, gather

__all__ = [
    "PICTURES",
    "Entry",
    "Folder",
    "Gathered",
    "Page",
    "RecordPage",
    "Report",
    "build_report",
    "gather",
    "report",
    "site_pages",
    "to_html",
    "verdict_on",
    "write_site",
]
