"""How a metric is spread over the queries, before and after: the share of queries up to each value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from robusthash.results.comparing.comparable import metric_title
from robusthash.results.comparing.keys import victim_key
from robusthash.results.figures.canvas import GREY, canvas, literal, styles
from robusthash.results.figures.naming import attack_names, victim_name
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against
from robusthash.specs import Role

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (7.0, 3.6)  #: of a panel, in inches
_TITLE, _LABEL, _AXIS = 200, 80, 50

Values = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """What is drawn on one pair of axes: records of one victim, scored alike."""

    records: list[Record]

    @property
    def against(self) -> Against:
        return self.records[0].attack.against


def save_distribution(records: Sequence[Record], arrays: Mapping[str, QueryArrays], path: Path) -> None:
    """Draws the distribution of the headline metric over the queries: a line for the clean ones, and one an attack.

    A point of a line is the share of queries whose value is at most that. There is a panel for each victim, set of
    queries and metric, and for targeted attacks one of their own, on the target's labels.

    Args:
        records: any.
        arrays: of their queries, by the digest of the record.
        path: of the file; its suffix gives the format: ``.svg``, ``.png`` or ``.pdf``.

    Raises:
        InputError: the scores of a record were not stored.
        OptionError: the suffix is no supported format.
        MissingDependencyError: matplotlib is not installed.
        StorageError: the file cannot be written.
    """
    panels = _panels(records)
    width, height = _SIZE
    with canvas(path, width, height * len(panels)) as figure:
        for panel, axes in zip(panels, figure.subplots(len(panels), squeeze=False)[:, 0], strict=True):
            _draw(panel, arrays, axes)


def _panels(records: Sequence[Record]) -> list[_Panel]:
    found: dict[object, list[Record]] = {}
    for record in records:
        scoring = record.scoring
        protocol = (scoring.headline, scoring.protocols[scoring.headline], scoring.relevance)
        key = (record.dataset.query_digest, victim_key(record), protocol, record.attack.against)
        found.setdefault(key, []).append(record)
    return [_Panel(records=alike) for alike in found.values()]


def _draw(panel: _Panel, arrays: Mapping[str, QueryArrays], axes: "Axes") -> None:
    metric, style = panel.records[0].scoring.headline, styles()
    clean = arrays[panel.records[0].digest].scores_of(CLEAN, metric, panel.against)
    _line(axes, clean, "clean", ":", GREY)
    for record, name in zip(panel.records, attack_names(panel.records), strict=True):
        line, colour = ("--", GREY) if record.attack.role is Role.REFERENCE else next(style)
        _line(axes, arrays[record.digest].scores_of(ADVERSARIAL, metric, panel.against), name, line, colour)
    labels = ", on the target's labels" if panel.against is Against.TARGET else ""
    axes.set_title(literal(victim_name(panel.records) + labels, _TITLE), fontsize="small", wrap=True)
    axes.set_xlabel(literal(f"{metric_title(metric, panel.against)} of a query", _AXIS))
    axes.set_ylabel("share of queries up to it")
    axes.set_ylim(0, 1.02)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")


def _line(axes: "Axes", values: Values, name: str, line: str, colour: str) -> None:
    known = np.sort(values[~np.isnan(values)])
    share = np.arange(len(known) + 1) / max(1, len(known))
    places, label = [*known[:1], *known], literal(name, _LABEL)
    axes.plot(places, share[: len(places)], line, color=colour, label=label, drawstyle="steps-post")
