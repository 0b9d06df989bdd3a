"""Adversarial inputs that several cells of a run need: crafted once, and removed after the last of these cells.

A transfer attack is crafted once for all victims, and members of an ensemble that attack all queries of a shard are not
run again if they are evaluated in the same run, with the same options. Pictures of the worst queries, which are known
only when all are scored, are made of them too.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from robusthash.contracts import Ensemble, Radius
from robusthash.evaluation.planning.names import AnyAttack, shown
from robusthash.evaluation.planning.plan import Cell, Varied, VictimPlan
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.files.locks import held, locked
from robusthash.files.storage import digest, remove_if_empty
from robusthash.specs import Direction

CraftKey = tuple[
    VictimPlan, AnyAttack, Varied, Radius, Direction
]  #: what outcomes depend on, as in :attr:`Cell.crafting`
Shared = Mapping[str, Path]  #: folders of delivered inputs, by the attack's name in the record


class SharedCraft:
    """Folders of adversarial inputs that more than one cell of a plan needs.

    Args:
        cells: the plan.
        plugins: looks up the attacks.
        root: parent of the folders.
        every: whether the inputs of each cell are needed again, after it, for pictures of them.
    """

    def __init__(self, cells: Sequence[Cell], plugins: Plugins, root: Path, *, every: bool = False) -> None:
        self._root = root
        self._plugins = plugins
        self._needs = {cell: tuple(_keys(cell, plugins)) for cell in cells}
        self._left = Counter(key for needs in self._needs.values() for key in needs)
        self._shared = {key for key, count in self._left.items() if every or count > 1}

    def folders(self, cell: Cell) -> dict[str, Path]:
        """Folders of inputs that other cells need, too, by name of the cell's attack or of an ensemble's member."""
        shared = [key for key in self._needs[cell] if key in self._shared]
        return {self._plugins.attack(key[1], dict(key[2])).use.name: self._folder(key) for key in shared}

    def finished(self, cell: Cell) -> None:
        """Marks a cell as finished, and removes what no other cell needs."""
        for key in self._needs[cell]:
            self._left[key] -= 1
            if key in self._shared and not self._left[key]:
                shutil.rmtree(self._folder(key), ignore_errors=True)

    def _folder(self, key: CraftKey) -> Path:
        victim, attack, options, radius, direction = key
        named = {
            "victim": [_identified(victim.model), victim.bits, _identified(victim.defense)],
            "attack": _identified(attack),
            "options": repr(options),
            "radius": str(radius.norm) + repr(radius.size),
            "direction": str(direction),
        }
        return self._root / digest(named)[:16]


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """A temporary folder for one run. Folders that killed runs have left are removed, too.

    Args:
        root: parent of the folders of all runs.

    Yields:
        The folder's path.
    """
    for left in _locks(root):
        with held(left) as free:
            if free:
                shutil.rmtree(left.with_suffix(""), ignore_errors=True)
    name = uuid4().hex
    with locked(root / f"{name}.lock"):
        try:
            yield root / name
        finally:
            shutil.rmtree(root / name, ignore_errors=True)
    remove_if_empty(root)


def _locks(root: Path) -> list[Path]:
    with suppress(OSError):  # there is no folder, or another run has just removed it
        return [path for path in root.iterdir() if path.suffix == ".lock"]
    return []


def _identified(named: object) -> str:
    """A name; for an object, a text that is unique in this process."""
    return named if isinstance(named, str) else f"{shown(named)} at {id(named)}"


def _keys(cell: Cell, plugins: Plugins) -> Iterator[CraftKey]:
    attack = plugins.attack(cell.attack, dict(cell.options)).plugin
    if isinstance(attack, Ensemble):
        for member, given in plugins.named_members(attack):
            if not plugins.attack(member, dict(given)).plugin.refines:  # what refines depends on the members before it
                yield cell.crafted_on, member, given, cell.radius, cell.direction
    else:
        yield cell.crafting
