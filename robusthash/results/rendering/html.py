"""Renders sheets as HTML with inline styles and without scripts, for notebooks and pages, light or dark."""

from collections.abc import Iterable

from robusthash.results.rendering.escaping import for_html
from robusthash.results.rendering.sheet import Column, Emphasis, Line, Note, Sheet, Table

# Colours are inherited or half-transparent, so that they suit light and dark pages.
_TABLE = "border-collapse:collapse;margin:.4em 0 1em;color:inherit;background:transparent"
_CELL = "padding:.15em .6em;border-bottom:1px solid rgba(128,128,128,.35);font-variant-numeric:tabular-nums"
_CAPTION = "caption-side:top;text-align:left;color:inherit;padding:.2em 0"
_LINES = {
    Emphasis.NONE: "",
    Emphasis.BEST: "font-weight:bold",
    Emphasis.CLEAN: "font-style:italic",
    Emphasis.FAINT: "opacity:.7",
}
_WARNING = "border-left:3px solid #d98e04;padding-left:.5em;margin:.2em 0"
_NOTE = "opacity:.7;margin:.2em 0"


def sheets_to_html(sheets: Iterable[Sheet]) -> str:
    """A ``div`` per sheet. All text is escaped."""
    return "\n".join(_sheet(sheet) for sheet in sheets) + "\n"


def _sheet(sheet: Sheet) -> str:
    lead = [f'<p style="{_NOTE}">{for_html(sheet.lead)}</p>'] if sheet.lead else []
    title = f'<p style="margin:.2em 0"><strong>{for_html(sheet.title)}</strong></p>'
    parts = [title, *lead, *map(_table, sheet.tables), *map(_note, sheet.notes)]
    return "\n".join(["<div>", *parts, "</div>"])


def _table(table: Table) -> str:
    caption = [f'<caption style="{_CAPTION}">{for_html(table.caption)}</caption>'] if table.caption else []
    head = "".join(_cell("th", column, column.name) for column in table.columns)
    body = [_line(table.columns, line) for line in table.lines]
    return "\n".join(
        [
            f'<table style="{_TABLE}">',
            *caption,
            f"<thead><tr>{head}</tr></thead>",
            "<tbody>",
            *body,
            "</tbody>",
            "</table>",
        ]
    )


def _line(columns: tuple[Column, ...], line: Line) -> str:
    cells = "".join(_cell("td", column, cell) for column, cell in zip(columns, line.cells, strict=True))
    return f'<tr style="{_LINES[line.emphasis]}">{cells}</tr>'


def _cell(tag: str, column: Column, text: str) -> str:
    side = "left" if column.words else "right;white-space:nowrap"
    scope = ' scope="col"' if tag == "th" else ""
    return f'<{tag}{scope} style="{_CELL};text-align:{side}">{for_html(text)}</{tag}>'


def _note(note: Note) -> str:
    return f'<p style="{_WARNING if note.warning else _NOTE}">{for_html(note.text)}</p>'
