"""The score of each class: whose queries lose most."""

import numpy as np

from robusthash.results.rendering.sheet import Column, Line, Table
from robusthash.results.report.details.codes import Array, Floats


def class_table(labels: Array, clean: Floats, attacked: Floats, metric: str) -> Table:
    """One line per class that a query has, in the order of the classes; a query counts in all of its classes.

    Args:
        labels: (queries, classes) multi-hot.
        clean: (queries,) scores before the attack; NaN where there is none.
        attacked: (queries,) scores after it.
        metric: what the scores are.
    """
    lines = []
    for place in range(labels.shape[1]):
        rows = (labels[:, place] > 0) & np.isfinite(clean) & np.isfinite(attacked)
        if rows.any():
            before, after = float(clean[rows].mean()), float(attacked[rows].mean())
            cells = (str(place), str(int(rows.sum())), f"{before:.3f}", f"{after:.3f}", f"{after - before:+.3f}")
            lines.append(Line(cells=cells))
    columns = (
        Column(name="class"),
        Column(name="queries"),
        Column(name=f"clean {metric}"),
        Column(name=f"attacked {metric}"),
        Column(name="change"),
    )
    return Table(columns=columns, lines=tuple(lines))
