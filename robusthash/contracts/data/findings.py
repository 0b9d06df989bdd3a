"""What a verification of a dataset finds, counted by kind."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]

LISTED = 5  #: findings of one kind that are listed; the others are counted


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A fault of a dataset.

    Attributes:
        level: an ``error`` makes numbers wrong or data unreadable; a ``warning`` does not.
        where: file and line, or split and item.
        what: what is wrong, in one line.
    """

    level: Level
    where: str
    what: str


class Findings:
    """Findings by kind: the first few of each, and their total."""

    def __init__(self) -> None:
        self._listed: dict[tuple[Level, str, str], list[Finding]] = {}
        self._counts: Counter[tuple[Level, str, str]] = Counter()

    def add(self, level: Level, part: str, kind: str, *, where: str, what: str) -> None:
        """Adds a finding.

        Args:
            level: as in :class:`Finding`.
            part: the split or file that it is counted for.
            kind: that it is counted as, in the plural: ``unreadable images``.
            where: file and line, or split and item.
            what: what is wrong there.
        """
        key = (level, part, kind)
        self._counts[key] += 1
        if self._counts[key] <= LISTED:
            self._listed.setdefault(key, []).append(Finding(level=level, where=where, what=what))

    def left_out(self, part: str, count: int, why: str) -> None:
        """Adds the number of items of a split that are left out on request.

        Args:
            part: the split.
            count: the number of items.
            why: the fault of each, in the singular.
        """
        what = f"{count} left out for a {why}" if count == 1 else f"{count} left out, each for a {why}"
        self.add("warning", part, f"items left out for a {why}", where=part, what=what)

    def count(self, kind: str) -> int:
        """Number of findings of a kind."""
        return sum(count for (_, _, own), count in self._counts.items() if own == kind)

    def all(self) -> list[Finding]:
        """The first few findings of every kind, and its total if there are more."""
        result = []
        for key, listed in self._listed.items():
            result += listed
            if self._counts[key] > LISTED:
                level, part, kind = key
                result.append(Finding(level=level, where=part, what=f"{self._counts[key]} {kind} in all"))
        return result
