"""Curves in Markdown, HTML, LaTeX, CSV and JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields

from robusthash.results.curves.panels import Common, Curves, Point
from robusthash.results.curves.sheets import sheets
from robusthash.results.rendering.csv import lines_to_csv
from robusthash.results.rendering.html import sheets_to_html
from robusthash.results.rendering.latex import sheets_to_latex
from robusthash.results.rendering.markdown import sheets_to_markdown


def curves_to_markdown(curves: Curves) -> str:
    """The curves as Markdown tables, one per panel."""
    return sheets_to_markdown(sheets(curves))


def curves_to_html(curves: Curves) -> str:
    """The curves as HTML tables, one per panel."""
    return sheets_to_html(sheets(curves))


def curves_to_latex(curves: Curves) -> str:
    """The curves as LaTeX tables with booktabs, one per panel."""
    return sheets_to_latex(sheets(curves))


def curves_to_csv(curves: Curves) -> str:
    """One line per point, with everything that its panel has in common, in full precision, with intervals."""
    names = ["over", *(entry.name for entry in fields(Common)), "victim", "attack", "stage", *_plain(), "flags"]
    return lines_to_csv(names, _lines(curves))


def curves_to_json(curves: Curves) -> str:
    """The curves as JSON, in full precision."""
    return json.dumps(asdict(curves), indent=2, allow_nan=False) + "\n"


def _plain() -> list[str]:
    return [entry.name for entry in fields(Point) if entry.name != "flags"]


def _lines(curves: Curves) -> Iterator[dict[str, object]]:
    for panel in curves.panels:
        shared = {"over": str(curves.over), **asdict(panel.common)}
        for one in panel.series:
            for point in one.points:
                yield {
                    **shared,
                    "victim": one.victim,
                    "attack": one.attack,
                    "stage": one.stage,
                    **{name: getattr(point, name) for name in _plain()},
                    "flags": " ".join(flag.id for flag in point.flags),
                }
