"""Makes the records of a run's cells, and stores them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from robusthash.boundary import foreign
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.evaluation.inspecting.pixels import twins
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.evaluation.running.preparing.opened import OpenCell
from robusthash.evaluation.running.recording.assemble import assemble, outlined
from robusthash.evaluation.running.recording.pictures import add_pictures
from robusthash.evaluation.running.recording.same_victim import require_same_victim
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.system import Systems
from robusthash.files.caching import cache_folder
from robusthash.results import CLEAN, Record, ResultStore
from robusthash.specs import Direction


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the results of a run are stored.

    Attributes:
        store: the results folder.
        shards: folder of unfinished cells.
        pictures: of how many queries of each cell pictures are kept.
    """

    store: ResultStore
    shards: Path
    pictures: int = 0


class Records:
    """Makes and stores the records of a run's cells.

    Args:
        systems: the victims.
        places: where they are stored.
    """

    def __init__(self, systems: Systems, places: Places) -> None:
        self._systems = systems
        self._store = places.store
        self._pictures = places.pictures
        self._clean: dict[tuple[VictimPlan, Direction], np.ndarray] = {}

    def made(self, opened: OpenCell, found: Mapping[int, ShardResult], reference: Record | None) -> Record:
        """Makes the record of a cell whose shards are all there, and stores it.

        Args:
            opened: the cell.
            found: those of its shards that need not be read.
            reference: record of the reference attack on the same victim with the same radius; None if there is none.

        Raises:
            StorageError: it cannot be stored.
            RobustHashError: it cannot be scored.
        """
        prepared, folder = opened.prepared, opened.folder
        result = ShardResult.cat([found.get(shard) or folder.read(shard) for shard in range(folder.shards)])
        victim, codes = (prepared.cell.victim, prepared.cell.direction), result.arrays.codes[CLEAN]
        require_same_victim(codes, self._clean.setdefault(victim, codes), prepared.attack.use)
        scale = Scale.of(prepared.system)
        record, arrays = assemble(*outlined(prepared, self.alike(prepared)), result, scale, reference)
        self.save_database(prepared)
        self._store.save(record, arrays)
        add_pictures(prepared, record, self._store, self._pictures)
        return record

    def save_database(self, prepared: PreparedCell) -> None:
        """Stores the database of a cell's victim, once.

        Raises:
            StorageError: it cannot be stored.
        """
        database = prepared.system.database
        searched = {"packed": database.representation.numpy(), "labels": database.labels.numpy()}
        self._store.save_database(prepared.record, searched)

    def alike(self, prepared: PreparedCell) -> npt.NDArray[np.int64] | None:
        """The database item with exactly the pixels of each query, -1 for none; None where there are none to compare.

        Raises:
            DatasetError: an image cannot be read.
        """
        direction = prepared.cell.direction
        return self._twins if direction.query == direction.item else None

    @cached_property
    def _twins(self) -> npt.NDArray[np.int64] | None:
        resources = self._systems.resources
        with foreign(resources.data, "be read"):
            return twins(resources.queries, resources.data.database, cache_folder(), resources.progress)
