"""Adversarial inputs that several cells of a run need: crafted once, kept while they are needed, then removed.

A transfer attack is crafted once for all victims; the members of an ensemble are not run again where they are evaluated
in the same run.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from robusthash.contracts import Ensemble
from robusthash.evaluation.planning.names import AnyAttack, shown
from robusthash.evaluation.planning.plan import Cell, Varied, VictimPlan
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.locks import held, locked
from robusthash.specs import Direction
from robusthash.storage import digest, remove_if_empty

CraftKey = tuple[VictimPlan, AnyAttack, Varied, float, Direction]  #: what was attacked, with what, and how far
Shared = Mapping[str, Path]  #: by the name in the record, the folder of what an attack delivered


class SharedCraft:
    """The folders of adversarial inputs that more than one cell of a plan needs.

    Args:
        cells: the plan.
        plugins: the attacks.
        root: where the folders are.
    """

    def __init__(self, cells: Sequence[Cell], plugins: Plugins, root: Path) -> None:
        self._root = root
        self._plugins = plugins
        self._needs = {cell: tuple(_keys(cell, plugins)) for cell in cells}
        self._left = Counter(key for needs in self._needs.values() for key in needs)
        self._shared = {key for key, count in self._left.items() if count > 1}

    def folders(self, cell: Cell) -> dict[str, Path]:
        """By attack, the cell's own or a member of its ensemble, where the inputs are that others need too."""
        shared = [key for key in self._needs[cell] if key in self._shared]
        return {self._plugins.attack(key[1], dict(key[2])).use.name: self._folder(key) for key in shared}

    def finished(self, cell: Cell) -> None:
        """Removes what no cell needs after this one."""
        for key in self._needs[cell]:
            self._left[key] -= 1
            if key in self._shared and not self._left[key]:
                shutil.rmtree(self._folder(key), ignore_errors=True)

    def _folder(self, key: CraftKey) -> Path:
        victim, attack, options, epsilon, direction = key
        named = {
            "victim": [_identified(victim.model), victim.bits, _identified(victim.defense)],
            "attack": _identified(attack),
            "options": repr(options),
            "epsilon": epsilon,
            "direction": str(direction),
        }
        return self._root / digest(named)[:16]


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """A folder for one run alone; it goes with the run, and those of runs that were killed go too.

    Args:
        root: where the folders of all runs are.
    """
    for left in root.glob("*.lock"):
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


def _identified(named: object) -> str:
    """A name; of an object, what tells it from every other one of this process."""
    return named if isinstance(named, str) else f"{shown(named)} at {id(named)}"


def _keys(cell: Cell, plugins: Plugins) -> Iterator[CraftKey]:
    attack = plugins.attack(cell.attack, dict(cell.options)).plugin
    if isinstance(attack, Ensemble):
        yield from ((cell.crafted_on, member, (), cell.epsilon, cell.direction) for member in attack.members)
    else:
        yield cell.crafting
