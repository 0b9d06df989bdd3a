"""What the cells of a run are evaluated with."""

from collections.abc import Sequence
from dataclasses import dataclass

from robusthash.evaluation.crafting.shared import SharedCraft
from robusthash.evaluation.planning.plan import Cell
from robusthash.evaluation.running.executing.work import ShardWorker
from robusthash.evaluation.running.observing import Observed
from robusthash.evaluation.running.recording.storing import Places
from robusthash.evaluation.victims.system import Systems


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """A run, ready to begin.

    Attributes:
        cells: the plan.
        systems: the victims.
        shared: adversarial inputs that several cells need.
        watched: is told what has become of each cell.
        worker: runs shards in this process.
        places: where results are stored.
    """

    cells: Sequence[Cell]
    systems: Systems
    shared: SharedCraft
    watched: Observed
    worker: ShardWorker
    places: Places
