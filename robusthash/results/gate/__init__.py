"""The gate: whether stored results keep to rules, alone or against a baseline. It reads files, and needs no torch."""

from robusthash.results.gate.baseline import Baseline, read_baseline, write_baseline
from robusthash.results.gate.grammar import parse_rule
from robusthash.results.gate.judging import Material, judge, updated
from robusthash.results.gate.rules import Level, Place, Rule
from robusthash.results.gate.settings import DEFAULT_BASELINE, GateSettings, read_settings
from robusthash.results.gate.verdict import Check, Notice, NoticeKind, State, Undecided, Verdict

__all__ = [
    "DEFAULT_BASELINE",
    "Baseline",
    "Check",
    "GateSettings",
    "Level",
    "Material",
    "Notice",
    "NoticeKind",
    "Place",
    "Rule",
    "State",
    "Undecided",
    "Verdict",
    "judge",
    "parse_rule",
    "read_baseline",
    "read_settings",
    "updated",
    "write_baseline",
]
