"""The gate: whether stored results keep to rules, alone or against a baseline. It reads files, and needs no torch."""

from robusthash.results.gate.baseline import Baseline, merge_baseline, read_baseline, write_baseline
from robusthash.results.gate.grammar import parse_rule
from robusthash.results.gate.judging import Material, judge, stored_material, updated
from robusthash.results.gate.rendering.terminal import to_text
from robusthash.results.gate.rules import Comparison, Level, Place, Rule
from robusthash.results.gate.settings import DEFAULT_BASELINE, GateSettings, read_settings
from robusthash.results.gate.verdict import Check, Difference, Notice, NoticeKind, State, Undecided, Verdict

__all__ = [
    "DEFAULT_BASELINE",
    "Baseline",
    "Check",
    "Comparison",
    "Difference",
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
    "merge_baseline",
    "parse_rule",
    "read_baseline",
    "read_settings",
    "stored_material",
    "to_text",
    "updated",
    "write_baseline",
]
