"""Records of evaluations, the results folder, and what is made from them: leaderboards, curves, comparisons.

Names are imported on first use: whoever needs a table alone does not wait for the schema of records.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robusthash.results.collection import Results, load_results
    from robusthash.results.comparing.consistency import inconsistencies
    from robusthash.results.curves.curves import build_curves
    from robusthash.results.curves.panels import Curves, Over
    from robusthash.results.leaderboard.board import Heading, Leaderboard, Row, Section, Standing
    from robusthash.results.leaderboard.files import to_csv, to_html, to_json, to_latex, to_markdown
    from robusthash.results.leaderboard.ranking import build_leaderboard
    from robusthash.results.leaderboard.terminal import render
    from robusthash.results.records.arrays import QueryArrays
    from robusthash.results.records.origins import ModelOrigin, Origins
    from robusthash.results.records.outcome import Cost, Flag, Measure, Outcome, Spent
    from robusthash.results.records.parts import (
        Access,
        AttackUse,
        Conditions,
        DatasetUse,
        Effort,
        FittedUse,
        InputsUse,
        ModelUse,
        Scoring,
        VictimUse,
    )
    from robusthash.results.records.pictures import Pictures
    from robusthash.results.records.reading import read_record
    from robusthash.results.records.record import Record
    from robusthash.results.records.stages import ADVERSARIAL, CLEAN, UNROUNDED, Against, ScoreKey, after_jpeg
    from robusthash.results.records.store import ResultStore, UnreadableRecord
    from robusthash.specs import PluginUse

__all__ = [
    "ADVERSARIAL",
    "CLEAN",
    "UNROUNDED",
    "Access",
    "Against",
    "AttackUse",
    "Conditions",
    "Cost",
    "Curves",
    "DatasetUse",
    "Effort",
    "FittedUse",
    "Flag",
    "Heading",
    "InputsUse",
    "Leaderboard",
    "Measure",
    "ModelOrigin",
    "ModelUse",
    "Origins",
    "Outcome",
    "Over",
    "Pictures",
    "PluginUse",
    "QueryArrays",
    "Record",
    "ResultStore",
    "Results",
    "Row",
    "ScoreKey",
    "Scoring",
    "Section",
    "Spent",
    "Standing",
    "UnreadableRecord",
    "VictimUse",
    "after_jpeg",
    "build_curves",
    "build_leaderboard",
    "inconsistencies",
    "load_results",
    "read_record",
    "render",
    "to_csv",
    "to_html",
    "to_json",
    "to_latex",
    "to_markdown",
]

_HOMES = {
    "results.collection": "Results load_results",
    "results.comparing.consistency": "inconsistencies",
    "results.curves.curves": "build_curves",
    "results.curves.panels": "Curves Over",
    "results.leaderboard.board": "Heading Leaderboard Row Section Standing",
    "results.leaderboard.files": "to_csv to_html to_json to_latex to_markdown",
    "results.leaderboard.ranking": "build_leaderboard",
    "results.leaderboard.terminal": "render",
    "results.records.arrays": "QueryArrays",
    "results.records.origins": "ModelOrigin Origins",
    "results.records.outcome": "Cost Flag Measure Outcome Spent",
    "results.records.parts": (
        "Access AttackUse Conditions DatasetUse Effort FittedUse InputsUse ModelUse Scoring VictimUse"
    ),
    "results.records.pictures": "Pictures",
    "results.records.reading": "read_record",
    "results.records.record": "Record",
    "results.records.stages": "ADVERSARIAL CLEAN UNROUNDED Against ScoreKey after_jpeg",
    "results.records.store": "ResultStore UnreadableRecord",
    "specs": "PluginUse",
}  #: names, by the module of robusthash that they come from
_HOME_OF = {name: f"robusthash.{module}" for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
