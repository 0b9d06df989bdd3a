"""Records of evaluations, the folder that keeps them, and the tables made from them."""

from robusthash.results.comparing.judging import NOISE
from robusthash.results.leaderboard.board import Leaderboard, Row, Section, Setting, Standing
from robusthash.results.leaderboard.exports import render, to_csv, to_json, to_markdown
from robusthash.results.leaderboard.ranking import build
from robusthash.results.records.reading import read_record
from robusthash.results.records.record import Access, Cost, DatasetUse, Flag, Measure, ModelUse, Record
from robusthash.results.records.store import Problem, ResultStore
from robusthash.specs import PluginUse

__all__ = [
    "NOISE",
    "Access",
    "Cost",
    "DatasetUse",
    "Flag",
    "Leaderboard",
    "Measure",
    "ModelUse",
    "PluginUse",
    "Problem",
    "Record",
    "ResultStore",
    "Row",
    "Section",
    "Setting",
    "Standing",
    "build",
    "read_record",
    "render",
    "to_csv",
    "to_json",
    "to_markdown",
]
