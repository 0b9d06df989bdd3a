"""How much a run is going to write, at least: so that a full disk is told before training and not after it."""

from collections.abc import Sequence
from math import prod

from robusthash.contracts import IMAGE
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.victims.resources import Resources

_RECORD = 8192  #: bytes of a record's JSON
_NUMBERS = 64  #: bytes per query: a score with its band, clean and attacked, and the distances, compressed
_STAGES = 2  #: clean and attacked codes, or images
_FLOAT = 4  #: bytes per element of an attacked input, before it is rounded


def least_written(cells: Sequence[Cell], resources: Resources, *, pictures: int = 0) -> int:
    """Bytes that a run adds to its results folder, at least, if nothing of it is stored.

    Shards and the arrays of their record are on disk at the same time, and if pictures are kept, all attacked inputs of
    a cell. Descriptors, whose size is known only once the model is there, count as nothing.

    Args:
        cells: the plan.
        resources: the dataset.
        pictures: of how many queries of each cell pictures are kept, if they are images.
    """
    queries, items = len(resources.queries), len(resources.data.database)
    classes = len(resources.data.classes)
    victims = {(cell.victim, cell.direction) for cell in cells}
    databases = sum(items * (_code(victim.bits) + classes) for victim, _ in victims)
    sizes = [_RECORD + queries * (_NUMBERS + _STAGES * _code(cell.victim.bits)) for cell in cells]
    views = [resources.queries.view(cell.direction.query).modality for cell in cells] if pictures else []
    elements = [prod(modality.shape) for modality in views if modality.name == IMAGE]
    kept = sum(_STAGES * min(pictures, queries) * size for size in elements)
    return databases + sum(sizes) + max(sizes, default=0) + kept + _FLOAT * queries * max(elements, default=0)


def _code(bits: int | None) -> int:
    return 0 if bits is None else -(-bits // 8)
