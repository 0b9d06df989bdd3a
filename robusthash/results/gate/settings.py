"""The settings of a gate: the table ``[tool.robusthash.gate]`` of pyproject.toml, or a TOML file of its own."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from robusthash.errors import InputError, UsageError
from robusthash.files.opening import read_file
from robusthash.results.gate.grammar import parse_rule
from robusthash.results.gate.rules import Level, Place, Rule
from robusthash.results.rendering.escaping import visible

DEFAULT_BASELINE = "robusthash-baseline.json"

_TABLE = ("tool", "robusthash", "gate")
_KEYS = ("rules", "baseline", "confidence", "allow")
_RULE_KEYS = ("rule", "level", "allow")
_FLAG = re.compile(r"RH\d{3}")


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """What is judged, and how.

    Attributes:
        rules: in the order in which they are written.
        baseline: path of the baseline; None if nobody named one.
        confidence: of the intervals that drops are judged by. All drops of a gate together are called too large by
            mistake with a probability of at most ``1 - confidence``.
        allow: ids of soundness checks that may fail.
        source: the file that the rules are from; None for the command line.
    """

    rules: tuple[Rule, ...] = ()
    baseline: Path | None = None
    confidence: float = 0.95
    allow: frozenset[str] = frozenset()
    source: Path | None = None

    def __post_init__(self) -> None:
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"confidence {self.confidence:g} is outside [0.5, 1)", hint="0.95 is usual")

    def allowing(self, flags: frozenset[str]) -> "GateSettings":
        """These settings, with further soundness checks that may fail.

        Raises:
            UsageError: one of them is no id.
        """
        return replace(self, allow=self.allow | checked_flags(flags, "--allow"))


def checked_flags(flags: frozenset[str], where: str) -> frozenset[str]:
    """The ids of soundness checks, if they are such.

    Raises:
        UsageError: one is not.
    """
    odd = sorted(flag for flag in flags if not _FLAG.fullmatch(flag))
    if odd:
        raise UsageError(
            f"{where}: {visible(odd[0])!r} is no soundness check", hint="write an id such as RH003: docs/soundness.md"
        )
    return flags


def read_settings(path: Path) -> GateSettings:
    """Reads the settings of a gate.

    Args:
        path: pyproject.toml, or a TOML file whose top level is the table. Paths in it are relative to its folder.

    Raises:
        InputError: it cannot be read, or is no TOML.
        UsageError: it has no such table, or an entry of it is wrong; the message has the line.
    """
    try:
        text = read_file(path).decode("utf-8-sig")
        content = tomllib.loads(text)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", hint="name a TOML file") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not TOML: {visible(str(error))}", hint="fix the file") from error
    table = _table(content, path)
    odd = next((key for key in table if key not in _KEYS), None)
    if odd is not None:
        near = get_close_matches(odd, _KEYS, n=1)
        known = f"known: {', '.join(_KEYS)}"
        raise UsageError(
            f"{path}: unknown key {visible(odd)!r}", hint=f"did you mean {near[0]!r}? {known}" if near else known
        )
    rules = _list(table, "rules", f"{path}: rules", of=(str, dict))
    baseline = table.get("baseline")
    if baseline is not None and not isinstance(baseline, str):
        raise UsageError(f"{path}: baseline is not a path in quotes", hint=f'baseline = "{DEFAULT_BASELINE}"')
    confidence = table.get("confidence", 0.95)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise UsageError(f"{path}: confidence is not a number", hint="confidence = 0.95")
    lines = _Lines(text)
    return GateSettings(
        rules=tuple(_rule(one, number, path, lines) for number, one in enumerate(rules, 1)),
        baseline=path.parent / baseline if baseline else None,
        confidence=float(confidence),
        allow=checked_flags(frozenset(_list(table, "allow", f"{path}: allow", of=(str,))), f"{path}: allow"),
        source=path,
    )


class _Lines:
    """On which line of a file a rule stands; TOML parsers do not tell."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")  # the one line break of TOML: strings may have others
        self._from = 0

    def of(self, rule: str) -> int | None:
        """The next line that has this text; None if none has."""
        found = (i for i in range(self._from, len(self._lines)) if rule in self._lines[i])
        place = next(found, None)
        if place is None:
            return None
        self._from = place
        return place + 1


def _table(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    table: Any = content
    for name in _TABLE:
        table = table.get(name) if isinstance(table, Mapping) else None
    if isinstance(table, Mapping):
        return table
    if path.name == "pyproject.toml" or "rules" not in content:
        raise UsageError(
            f"{path} has no rules for a gate",
            hint='write [tool.robusthash.gate] and rules = ["map[attack=strongest] >= 0.30"]',
        )
    return content


def _list(table: Mapping[str, Any], key: str, where: str, *, of: tuple[type, ...]) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, of) for one in value):
        what = "texts, or tables with a text named rule" if dict in of else "texts"
        raise UsageError(f"{where} is not a list of {what}", hint=f'{key} = ["..."]')
    return value


def _rule(entry: str | dict[str, Any], number: int, path: Path, lines: _Lines) -> Rule:
    where = f"{path}: rule {number}"
    if isinstance(entry, str):
        entry = {"rule": entry}
    odd = next((key for key in entry if key not in _RULE_KEYS), None)
    if odd is not None:
        raise UsageError(f"{where}: unknown key {visible(odd)!r}", hint=f"known: {', '.join(_RULE_KEYS)}")
    text, level = entry.get("rule"), entry.get("level", Level.ERROR.value)
    if not isinstance(text, str):
        raise UsageError(f"{where} has no text named rule", hint='{ rule = "map >= 0.3", level = "warn" }')
    if level not in list(Level):
        raise UsageError(f"{where}: level is {level!r}", hint=f"one of {', '.join(Level)}")
    allow = checked_flags(frozenset(_list(entry, "allow", f"{where}: allow", of=(str,))), f"{where}: allow")
    place = Place(name=str(path), line=lines.of(text))
    return parse_rule(text, level=Level(level), allow=allow, where=place)
