"""Curves for other tools: Markdown and HTML to show, CSV and JSON with everything."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields

from robusthash.results.curves.panels import Common, Curves, Point
from robusthash.results.curves.sheets import sheets
from robusthash.results.rendering.csv import lines_to_csv
from robusthash.results.rendering.html import sheets_to_html
from robusthash.results.rendering.markdown import sheets_to_markdown


def curves_to_markdown(curves: Curves) -> str:
    """A table for each panel in Markdown, with whole intervals."""
    return sheets_to_markdown(sheets(curves))


def curves_to_html(curves: Curves) -> str:
    """A table for each panel in HTML, with whole intervals."""
    return sheets_to_html(sheets(curves))


def curves_to_csv(curves: Curves) -> str:
    """One line a point, with everything: what its panel has in common, full precision, intervals."""
    names = ["over", *(entry.name for entry in fields(Common)), "victim", "attack", *_plain(), "flags"]
    return lines_to_csv(names, _lines(curves))


def curves_to_json(curves: Curves) -> str:
    """All of it, in full precision."""
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
                    **{name: getattr(point, name) for name in _plain()},
                    "flags": " ".join(flag.id for flag in point.flags),
                }
