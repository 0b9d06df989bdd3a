"""What a defense may use."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from robusthash.contracts.data.dataset import RetrievalData
from robusthash.contracts.models.model import HashModel
from robusthash.contracts.models.objective import Objective
from robusthash.contracts.progress import Progress, silent
from robusthash.contracts.training.loss import LossStep
from robusthash.contracts.training.recipe import Recipe
from robusthash.contracts.training.report import TrainingReport
from robusthash.errors import CapabilityError
from robusthash.snapshots import Snapshots

#: Trains a model in place, with the context's data, seed, device, progress and snapshots.
Trainer = Callable[["DefenseContext", HashModel, LossStep, Recipe], TrainingReport]


def _nowhere() -> Snapshots:
    return Snapshots(None, "")


@dataclass(frozen=True, kw_only=True)
class DefenseContext:
    """All that a defense may use. ``robusthash.training.defense_context`` makes one that can train.

    Attributes:
        data: the dataset; its query split is for the evaluation alone.
        seed: of the run.
        progress: called with (done, total, what) during long steps.
        device: where to compute; None is where the model is.
        objective: what trained the model; None if no objective did, or nobody knows.
        objective_seed: of that training. What an objective has beside the network, such as class centres, is built from
            it again.
        snapshots: where a training loop of the defense's own keeps its unfinished state. :meth:`train` keeps its state
            in parts of it.
        trainer: what :meth:`train` calls; None is a context that cannot train.
    """

    data: RetrievalData
    seed: int
    progress: Progress = silent
    device: torch.device | None = None
    objective: Objective | None = None
    objective_seed: int = 0
    snapshots: Snapshots = field(default_factory=_nowhere)
    trainer: Trainer | None = None

    def train(self, model: HashModel, loss: LossStep, recipe: Recipe) -> TrainingReport:
        """Trains a model in place on the train split; an unfinished training goes on from where it was.

        Args:
            model: its start; afterwards trained, in evaluation mode.
            loss: what is minimised.
            recipe: how.

        Raises:
            CapabilityError: this context cannot train.
            TrainingError: the loss was not finite, or the codes retrieve nothing.
            CheckpointError: the unfinished training cannot be read, or is of another model.
        """
        if self.trainer is None:
            raise CapabilityError(
                "this context cannot train a model", hint="make it with robusthash.training.defense_context"
            )
        return self.trainer(self, model, loss, recipe)
