"""The leaderboard in Markdown, HTML, LaTeX, CSV and JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields

from robusthash.results.leaderboard.board import Heading, Leaderboard, Row
from robusthash.results.leaderboard.sheets import sheets
from robusthash.results.records.outcome import Score
from robusthash.results.rendering.csv import lines_to_csv
from robusthash.results.rendering.html import sheets_to_html
from robusthash.results.rendering.latex import sheets_to_latex
from robusthash.results.rendering.markdown import sheets_to_markdown


def to_markdown(leaderboard: Leaderboard, *, ties: bool = False) -> str:
    """The leaderboard as Markdown tables.

    Args:
        leaderboard: as :func:`robusthash.results.build_leaderboard` makes it.
        ties: show the band between the worst and the best order of ties instead of the 95 % interval.
    """
    return sheets_to_markdown(sheets(leaderboard, ties=ties))


def to_html(leaderboard: Leaderboard, *, ties: bool = False) -> str:
    """The leaderboard as HTML tables, without scripts or style sheets.

    Args:
        leaderboard: as :func:`robusthash.results.build_leaderboard` makes it.
        ties: show the band between the worst and the best order of ties instead of the 95 % interval.
    """
    return sheets_to_html(sheets(leaderboard, ties=ties))


def to_latex(leaderboard: Leaderboard, *, ties: bool = False) -> str:
    """The leaderboard as LaTeX tables with booktabs, the strongest attack and the most robust victim in bold.

    Args:
        leaderboard: as :func:`robusthash.results.build_leaderboard` makes it.
        ties: show the band between the worst and the best order of ties instead of the 95 % interval.
    """
    return sheets_to_latex(sheets(leaderboard, ties=ties))


def to_csv(leaderboard: Leaderboard) -> str:
    """One line per row, with the heading of its section, in full precision, with intervals and tie bands.

    The scores after JPEG compression are ``jpeg_75_value``, ``jpeg_75_low`` ... The column ``queries`` is the number of
    attacked queries; ``calls_per_query`` counts what was sent to the victim's service for one of them.
    """
    headings, scores = ([entry.name for entry in fields(kind)] for kind in (Heading, Score))
    qualities = {quality for section in leaderboard.sections for quality in section.qualities}
    names = [
        *headings,
        *_plain(),
        "calls_per_query",
        *scores,
        *(f"target_{name}" for name in scores),
        *(f"jpeg_{quality}_{name}" for quality in sorted(qualities, reverse=True) for name in scores),
        "flags",
    ]
    return lines_to_csv(names, _lines(leaderboard))


def to_json(leaderboard: Leaderboard) -> str:
    """The leaderboard as JSON, in full precision."""
    return json.dumps(asdict(leaderboard), indent=2, allow_nan=False) + "\n"


def _plain() -> list[str]:
    return [entry.name for entry in fields(Row) if entry.name not in ("score", "target", "jpeg", "flags", "queries")]


def _lines(leaderboard: Leaderboard) -> Iterator[dict[str, object]]:
    for section in leaderboard.sections:
        for row in section.rows:
            score = asdict(row.score) if row.score else {}
            target = asdict(row.target) if row.target else {}
            yield {
                **asdict(section.setting),
                **{name: getattr(row, name) for name in _plain()},
                **score,
                **{f"target_{name}": value for name, value in target.items()},
                **{
                    f"jpeg_{quality}_{name}": value
                    for quality, found in row.jpeg.items()
                    for name, value in asdict(found).items()
                },
                "calls_per_query": row.queries,
                "flags": " ".join(flag.id for flag in row.flags),
            }
