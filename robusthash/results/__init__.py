"""Records of evaluations, the results folder, and what is made from them: leaderboards, curves, comparisons."""

from robusthash.results.collection import Results, load_results
from robusthash.results.comparing.consistency import inconsistencies
from robusthash.results.curves.curves import build_curves
from robusthash.results.curves.panels import Curves, Over
from robusthash.results.leaderboard.board import Heading, Leaderboard, Row, Section, Standing
from robusthash.results.leaderboard.files import to_csv, to_html, to_json, to_markdown
from robusthash.results.leaderboard.ranking import build_leaderboard
from robusthash.results.leaderboard.terminal import render
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.outcome import Cost, Flag, Measure, Outcome, Spent
from robusthash.results.records.parts import (
    Access,
    AttackUse,
    Conditions,
    DatasetUse,
    Effort,
    FittedUse,
    ModelUse,
    Scoring,
    VictimUse,
)
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
    "Leaderboard",
    "Measure",
    "ModelUse",
    "Outcome",
    "Over",
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
    "to_markdown",
]
