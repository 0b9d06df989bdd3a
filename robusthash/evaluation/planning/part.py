"""Parts of a run: the shards that one of several machines evaluates, each on its own. Importable without torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from robusthash.errors import OptionError
from robusthash.evaluation.planning.names import shown
from robusthash.evaluation.planning.plan import Cell

_WRITTEN = re.compile(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the equal parts of a run.

    Attributes:
        index: which, from 1.
        of: how many there are.
    """

    index: int
    of: int

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    def shards(self, cells: Sequence[Cell], each: int) -> dict[int, list[int]]:
        """The shards of this part, by position of their cell in the plan; cells without one are left out.

        Args:
            cells: the plan.
            each: number of shards of each cell.
        """
        found = {
            place: [shard for shard, part in enumerate(parts) if part == self.index]
            for place, parts in enumerate(dealt(cells, each, self.of))
        }
        return {place: shards for place, shards in found.items() if shards}


def dealt(cells: Sequence[Cell], each: int, parts: int) -> list[tuple[int, ...]]:
    """The part, from 1, that each shard of each cell belongs to, by their positions.

    The shards of each attack are dealt out in turn, so that no part gets all that are quick.

    Args:
        cells: the plan.
        each: number of shards of each cell.
        parts: how many there are.
    """
    kinds = [(shown(cell.attack), cell.options) for cell in cells]
    order = sorted(range(len(cells)), key=lambda place: (kinds.index(kinds[place]), place))
    found: list[tuple[int, ...]] = [()] * len(cells)
    for turn, place in enumerate(order):
        found[place] = tuple((turn * each + shard) % parts + 1 for shard in range(each))
    return found


def parse_part(text: str, *, force: bool = False, pictures: int = 0) -> Part:
    """Reads a part as it is written, ``2/4``.

    Args:
        text: the part.
        force: whether stored cells are to be evaluated again, which a part cannot: it does not know what others store.
        pictures: of how many queries of each cell pictures are to be kept, which a part cannot: the worst queries are
            those of a whole cell.

    Raises:
        OptionError: it is none, or does not go with the rest.

    >>> parse_part("2/4")
    Part(index=2, of=4)
    """
    if force:
        raise OptionError("force evaluates whole cells, and shard a part", hint="remove the records instead")
    if pictures:
        raise OptionError(
            "keep-pictures keeps pictures of whole cells, and shard evaluates a part",
            hint="evaluate with keep-pictures once the parts are merged: stored records are reused",
        )
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise OptionError(f"shard {text!r} is not of the form i/n", hint="--shard 2/4 is the second of four parts")
    index, of = int(match[1]), int(match[2])
    if index == 0 < of:
        raise OptionError(
            f"shard {text}: parts are counted from 1, to {of}/{of}", hint="as a scheduler does with --array=1-4"
        )
    if not 1 <= index <= of:
        raise OptionError(f"shard {text}: there is no part {index} of {of}", hint=f"parts are 1/{of} to {of}/{of}")
    return Part(index=index, of=of)
