"""Which cell of a baseline belongs to which result: settings must be equal, a victim may have changed."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from robusthash.errors import InputError
from robusthash.results.gate.cells import Cell
from robusthash.results.gate.facts import INDEX, frozen

_SHOWN = 12  #: digits of a digest
_DIGESTS = frozenset({"split", "query set", "surrogate's weights"})


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A result, and what it is compared with.

    Attributes:
        cell: of the results.
        before: of the baseline; None if it has none, as on a first run.
        changes: what else changed: the victim's defense, options and backbone, and versions.
    """

    cell: Cell
    before: Cell | None
    changes: tuple[str, ...] = ()


def pair_up(cells: Sequence[Cell], baseline: Sequence[Cell], path: Path) -> list[Pair]:
    """Pairs results with a baseline's cells.

    The settings must be equal. A victim is looked for by all that is known of it, then by model, size and defense, then
    by model and size, each time only where no other could be meant: a release that has lost its defense is compared,
    and the loss is said.

    Args:
        cells: of the results, that a rule names.
        baseline: of the baseline, that the rule names.
        path: of the baseline, for errors.

    Raises:
        InputError: the results lack a cell of the baseline, or measured it otherwise; the message says how.
    """
    left, right = list(cells), list(baseline)
    partners: dict[int, Cell] = {}
    for key in _KEYS:
        mine, theirs = _alone(left, key), _alone(right, key)
        found = {id(cell): theirs[name] for name, cell in mine.items() if name in theirs}
        taken = {id(cell) for cell in found.values()}
        left = [cell for cell in left if id(cell) not in found]
        right = [cell for cell in right if id(cell) not in taken]
        partners |= found
    if right:
        raise _unpaired(right[0], left, path)
    return [
        Pair(cell=cell, before=before, changes=_changes(before, cell) if before else ())
        for cell in cells
        for before in [partners.get(id(cell))]
    ]


#: What a victim is looked for by, one after the other.
_KEYS: tuple[Callable[[Cell], Hashable], ...] = (
    lambda cell: (frozen(cell.setting), frozen(cell.victim)),
    lambda cell: (frozen(cell.setting), *(cell.victim.get(name) for name in ("model", "size", INDEX, "defense"))),
    lambda cell: (frozen(cell.setting), *(cell.victim.get(name) for name in ("model", "size", INDEX))),
)


def _alone(cells: Iterable[Cell], key: Callable[[Cell], Hashable]) -> dict[Hashable, Cell]:
    """The cells by key, without those that share theirs."""
    groups: dict[Hashable, list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[key(cell)].append(cell)
    return {name: group[0] for name, group in groups.items() if len(group) == 1}


def _unpaired(lost: Cell, left: Iterable[Cell], path: Path) -> InputError:
    alike = [cell for cell in left if _same(lost, cell)]
    near = min(alike, key=lambda cell: len(_differences(lost, cell)), default=None)
    if near is None:
        return InputError(
            f"the results lack a cell of the baseline {path}: {lost}",
            hint="evaluate it, or take it out of the baseline with robusthash baseline update",
        )
    told = "; ".join(_differences(lost, near)) or f"the results' {near.victim_name} could be any of several victims"
    return InputError(
        f"{lost} cannot be compared with the baseline {path}: {told}",
        hint="evaluate as the baseline was, or make a new baseline with robusthash baseline update",
    )


def _same(one: Cell, other: Cell) -> bool:
    """Whether a reader would call two cells the same, measured otherwise."""
    named = ("dataset", "attack", "stage", "direction")
    return one.victim["model"] == other.victim["model"] and all(
        one.setting.get(name) == other.setting.get(name) for name in named
    )


def _differences(before: Cell, now: Cell) -> list[str]:
    """What differs of all that has to be equal, as ``epsilon was 8/255 and is 4/255``."""
    size = {"size": (before.victim["size"], now.victim["size"])}
    names = [*before.setting, *(name for name in now.setting if name not in before.setting)]
    both = {name: (before.setting.get(name), now.setting.get(name)) for name in names}
    return [
        f"{_title(name)} was {_short(name, old)} and is {_short(name, new)}"
        for name, (old, new) in {**both, **size}.items()
        if old != new
    ]


def _changes(before: Cell, now: Cell) -> tuple[str, ...]:
    """What changed of all that may, as ``defense: cgat to none``. Options of a lost plugin are lost with it."""
    lines = []
    for old, new in ((before.victim, now.victim), (before.origin, now.origin)):
        for name in [*old, *(name for name in new if name not in old)]:
            whole = name.partition(".")[0]
            gone = "." in name and old.get(whole) != new.get(whole)
            if old.get(name) != new.get(name) and not gone and name not in ("record", "created", "weights"):
                lines.append(f"{_title(name)}: {_short(name, old.get(name))} to {_short(name, new.get(name))}")
    return tuple(lines)


def _title(name: str) -> str:
    if name == "seed":
        return "the seed of targets and queries"
    owner, dot, option = name.partition(".")
    return f"option {option} of the {owner}" if dot else name


def _short(name: str, value: str | None) -> str:
    if value is None:
        return "none"
    return f"{value[:_SHOWN]}..." if name in _DIGESTS else value
