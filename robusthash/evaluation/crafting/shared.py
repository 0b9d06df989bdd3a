"""Adversarial images that several cells of a run need: crafted once, kept while they are needed, then removed.

A transfer attack is crafted once for all victims; the members of an ensemble are not run again where they are evaluated
in the same run.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from robusthash.contracts import Ensemble
from robusthash.evaluation.planning.plan import Cell, Varied, VictimPlan
from robusthash.evaluation.victims.resources import Resources
from robusthash.storage import digest

CraftKey = tuple[VictimPlan, str, Varied, float]  #: what was attacked, with what, and how far
Kept = Mapping[str, Path]  #: by attack, the folder of its images


class SharedCraft:
    """The folders of adversarial images that more than one cell of a plan needs.

    Args:
        cells: the plan.
        resources: the plugins.
        root: where the folders are.
    """

    def __init__(self, cells: Sequence[Cell], resources: Resources, root: Path) -> None:
        self._root = root
        self._needs = {cell: tuple(_images(cell, resources)) for cell in cells}
        self._left = Counter(images for needs in self._needs.values() for images in needs)
        self._shared = {images for images, count in self._left.items() if count > 1}

    def folders(self, cell: Cell) -> dict[str, Path]:
        """By attack, the cell's own or a member of its ensemble, where the images are that others need too."""
        return {images[1]: self._folder(images) for images in self._needs[cell] if images in self._shared}

    def finished(self, cell: Cell) -> None:
        """Removes what no cell needs after this one."""
        for images in self._needs[cell]:
            self._left[images] -= 1
            if images in self._shared and not self._left[images]:
                shutil.rmtree(self._folder(images), ignore_errors=True)
        if self._root.is_dir() and not any(self._root.iterdir()):
            self._root.rmdir()

    def _folder(self, images: CraftKey) -> Path:
        victim, attack, options, epsilon = images
        named = {"victim": asdict(victim), "attack": attack, "options": repr(options), "epsilon": epsilon}
        return self._root / digest(named)[:16]


def _images(cell: Cell, resources: Resources) -> Iterator[CraftKey]:
    attack = resources.attack(cell.attack, dict(cell.options)).plugin
    if isinstance(attack, Ensemble):
        yield from ((cell.source, member, (), cell.epsilon) for member in attack.members)
    else:
        yield cell.source, cell.attack, cell.options, cell.epsilon
