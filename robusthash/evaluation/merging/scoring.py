"""Makes the record of a cell whose shards are all there, from files alone: without its model, and without its data."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from robusthash.contracts import silent
from robusthash.errors import InputError
from robusthash.evaluation.crafting.measure import CLIPPED
from robusthash.evaluation.crafting.shards import ShardResult
from robusthash.evaluation.rebuilding.settings import scoring_settings
from robusthash.evaluation.running.grids.parts import PartCell
from robusthash.evaluation.running.recording.assemble import assemble
from robusthash.evaluation.running.recording.same_victim import require_same_victim
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.tasks.stored import require_scorable
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Database
from robusthash.files.arrays import read_arrays
from robusthash.host import PluginHost
from robusthash.metrics import Relevance
from robusthash.results import CLEAN, QueryArrays, Record
from robusthash.specs import PluginUse

_HINT = "score it again afterwards with robusthash rescore; or merge where the same versions are installed"


class Scorer:
    """Scores cells, with an index for each database, which is kept until it is closed.

    Args:
        host: the plugins.
    """

    def __init__(self, host: PluginHost) -> None:
        self._host = host
        self._open = ExitStack()
        self._databases: dict[tuple[Path, str], Database] = {}
        self._clean: dict[str, np.ndarray] = {}

    def record(
        self, part: PartCell, shards: Mapping[int, PartCell], database: Path, reference: Record | None
    ) -> tuple[Record, QueryArrays]:
        """The record of a cell and its arrays.

        Args:
            part: the cell.
            shards: by index, the folders that have them.
            database: file of the victim's database.
            reference: record of the reference attack on the same victim with the same radius; None if there is none.

        Raises:
            InputError: a file is damaged, does not fit the others, or was scored by something that is not installed.
            ContractError: the victim was changed between two cells.
        """
        outline, record = part.outline, part.record
        try:
            result = ShardResult.cat([shards[shard].shards.read(shard) for shard in range(len(part.ranges))])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"the shards of {part.name} do not fit together: {error}", hint="evaluate it again"
            ) from error
        items = read_arrays(database)
        columns = {**result.arrays.columns, **part.known.columns}
        imagery = dict.fromkeys((*outline.imagery, CLIPPED, str(outline.space.distance)), 0.0)
        absent = [name for name in (*outline.imagery, CLIPPED) if name not in columns]
        if absent or len(result.arrays.codes.get(CLEAN, ())) != record.dataset.queries:
            raise InputError(f"the shards of {part.name} are not whole: {', '.join(absent)}", hint="evaluate it again")
        told = replace(record, outcome=replace(record.outcome, imagery=imagery))
        require_scorable(told, replace(result.arrays, columns=columns), items, outline.space)
        codes = result.arrays.codes[CLEAN]
        require_same_victim(codes, self._clean.setdefault(str(database), codes), record.attack)
        scale = self._scale(part, items, database)
        return assemble(outline, part.known, result, scale, reference)

    def close(self) -> None:
        """Closes the indexes."""
        self._open.close()

    def _scale(self, part: PartCell, items: Mapping[str, np.ndarray], path: Path) -> Scale:
        record, space = part.record, part.outline.space
        resources = Resources(scoring_settings(record, self._host), self._host, silent)
        metrics = resources.metrics_for(space)
        protocols = {name: metric.protocol for name, metric in metrics.items()}
        if protocols != dict(record.scoring.protocols):
            raise InputError(f"{part.name} is scored by {protocols} here: {dict(record.scoring.protocols)}", hint=_HINT)
        retriever = resources.retriever(space.distance)
        if retriever.use != record.scoring.retriever:
            raise InputError(
                f"{part.name} is to be searched by {_told(record.scoring.retriever)}, and here is "
                f"{_told(retriever.use)}",
                hint=_HINT,
            )
        key = path, repr(retriever.use)
        if key not in self._databases:
            packed = torch.from_numpy(items["packed"])
            index = self._open.enter_context(retriever.plugin.index(packed, space))
            labels = torch.from_numpy(items["labels"])
            self._databases[key] = Database(representation=packed, labels=labels, space=space, index=index)
        relevance = Relevance(record.scoring.relevance)
        return Scale(database=self._databases[key], metrics=metrics, relevance=relevance, seed=record.conditions.seed)


def _told(use: PluginUse) -> str:
    return f"{use.name} of {use.owner}"
