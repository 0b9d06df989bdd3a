"""Renders lines as CSV that is safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from robusthash.results.rendering.escaping import for_csv


def lines_to_csv(names: Sequence[str], lines: Iterable[Mapping[str, object]]) -> str:
    """CSV with a header, in full precision.

    Args:
        names: of the columns.
        lines: values by column; missing ones are left empty.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: for_csv(value) for name, value in line.items()})
    return buffer.getvalue()
