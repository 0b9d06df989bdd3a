"""Records of evaluations, the folder that keeps them, and the tables made from them."""

from robusthash.results.comparing.judging import NOISE
from robusthash.results.leaderboard.board import Heading, Leaderboard, Row, Section, Standing
from robusthash.results.leaderboard.exports import render, to_csv, to_json, to_markdown
from robusthash.results.leaderboard.ranking import build_leaderboard
from robusthash.results.records.reading import read_record
from robusthash.results.records.record import Access, Cost, DatasetUse, Flag, Measure, ModelUse, Record
from robusthash.results.records.store import ResultStore, UnreadableRecord
from robusthash.specs import PluginUse

__all__ = [
    "NOISE",
    "Access",
    "Cost",
    "DatasetUse",
    "Flag",
    "Heading",
    "Leaderboard",
    "Measure",
    "ModelUse",
    "PluginUse",
    "Record",
    "ResultStore",
    "Row",
    "Section",
    "Standing",
    "UnreadableRecord",
    "build_leaderboard",
    "read_record",
    "render",
    "to_csv",
    "to_json",
    "to_markdown",
]
