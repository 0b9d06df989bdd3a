"""Renders sheets as LaTeX tables with booktabs: a ``table`` environment per table, to be pasted into a paper."""

import re
from collections.abc import Iterable, Iterator, Sequence

from robusthash.results.rendering.escaping import for_latex, visible
from robusthash.results.rendering.sheet import Column, Emphasis, Line, Sheet, Table

_HEAD = r"""% Tables of robusthash. They need, before \begin{document}:
%   \usepackage[T1]{fontenc}
%   \usepackage{booktabs}
% A table that is too wide for a column: table* instead of table, or \resizebox of graphicx around the tabular."""
_LONGEST = 120  #: characters of a cell or a word: TeX has no room for a line of many metres
_INTERVAL = re.compile(r"(?P<value>\S+) (?P<interval>\[.*\])")
_STYLES = {Emphasis.BEST: r"\textbf", Emphasis.CLEAN: r"\textit"}


def sheets_to_latex(sheets: Iterable[Sheet]) -> str:
    """A ``table`` per table of each sheet, the notes of the sheet below its last one. It compiles with pdflatex.

    The packages that it needs are named in its first lines. A cell or a word of more than 120 characters is shortened.
    """
    blocks = [_HEAD]
    for number, sheet in enumerate(sheets, start=1):
        for place, table in enumerate(sheet.tables, start=1):
            blocks.append("\n".join(_float(sheet, table, label=f"tab:robusthash-{number}-{place}")))
    return "\n\n".join(blocks) + "\n"


def _float(sheet: Sheet, table: Table, *, label: str) -> Iterator[str]:
    caption = ". ".join(part for part in (table.caption, sheet.title, sheet.lead) if part)
    kinds = "".join("l" if column.words else "r" for column in table.columns)
    yield r"\begin{table}"
    yield r"\centering"
    yield rf"\caption{{{_running(caption)}.}}"
    yield rf"\label{{{label}}}"
    yield rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}"
    yield r"\toprule"
    yield _row([_text(column.name) for column in table.columns])
    yield r"\midrule"
    for above, line in zip((None, *table.lines), table.lines, strict=False):
        if above is not None and _opens(table.columns, above, line):
            yield r"\addlinespace"
        yield _row(_cells(table.columns, above, line))
    yield r"\bottomrule"
    yield r"\end{tabular}"
    if table is sheet.tables[-1]:
        yield from (rf"\par\footnotesize {_running(note.text)}" for note in sheet.notes)
    yield r"\end{table}"


def _cells(columns: Sequence[Column], above: Line | None, line: Line) -> Iterator[str]:
    style = _STYLES.get(line.emphasis)
    for place, (column, cell) in enumerate(zip(columns, line.cells, strict=True)):
        repeated = column.grouped and above is not None and above.cells[place] == cell
        shown = "" if repeated else _text(cell) if column.words else _ranged(cell)
        yield f"{style}{{{shown}}}" if style and shown and not column.grouped else shown


def _opens(columns: Sequence[Column], above: Line, line: Line) -> bool:
    """Whether a line begins a group."""
    pairs = zip(columns, above.cells, line.cells, strict=True)
    return any(column.grouped and before != cell for column, before, cell in pairs)


def _ranged(cell: str) -> str:
    """A number, with its interval in small print."""
    found = _INTERVAL.fullmatch(cell)
    if not found:
        return _text(cell)
    return rf"{for_latex(found['value'])} {{\scriptsize {for_latex(found['interval'])}}}"


def _text(cell: str) -> str:
    return for_latex(_shortened(cell, _LONGEST))


def _running(text: str) -> str:
    """Running text, whose words TeX has to find room for."""
    words = (_shortened(word, _LONGEST) for word in visible(text).split(" "))
    return for_latex(_shortened(" ".join(words), 10 * _LONGEST))


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
