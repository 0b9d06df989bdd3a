"""Renders sheets as Markdown."""

from collections.abc import Iterable, Sequence

from robusthash.results.rendering.escaping import for_markdown, markdown_line
from robusthash.results.rendering.sheet import Sheet, Table


def sheets_to_markdown(sheets: Iterable[Sheet]) -> str:
    """A heading per sheet, followed by its tables and notes."""
    blocks: list[str] = []
    for sheet in sheets:
        blocks.append(f"## {for_markdown(sheet.title)}")
        blocks += [markdown_line(sheet.lead)] if sheet.lead else []
        for table in sheet.tables:
            blocks += [f"### {for_markdown(table.caption)}"] if table.caption else []
            blocks.append(_table(table))
        blocks += [f"- {markdown_line(note.text)}" for note in sheet.notes]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    head = _line([column.name for column in table.columns])
    return "\n".join([head, _line(["---"] * len(table.columns)), *(_line(line.cells) for line in table.lines)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(for_markdown, cells))} |"
