"""The context of a defense."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from robusthash.contracts.data.dataset import RetrievalData
from robusthash.contracts.models.crossmodal import CrossModalObjective
from robusthash.contracts.models.model import HashModel
from robusthash.contracts.models.objective import Objective
from robusthash.contracts.models.towers import CrossModalHashModel
from robusthash.contracts.progress import EpochWatch, Progress, silent, unwatched
from robusthash.contracts.team import Team
from robusthash.contracts.training.loss import LossStep, Trained
from robusthash.contracts.training.recipe import Recipe
from robusthash.contracts.training.report import TrainingReport
from robusthash.errors import CapabilityError
from robusthash.files.snapshots import Snapshots

#: Trains a model in place, with the context's data, seed, device, progress and snapshots.
Trainer = Callable[["DefenseContext", HashModel | CrossModalHashModel, LossStep[Any], Recipe], TrainingReport]


def _nowhere() -> Snapshots:
    return Snapshots(None, "")


@dataclass(frozen=True, kw_only=True)
class DefenseContext:
    """What a defense may use. ``robusthash.training.defense_context`` makes one that can train.

    Attributes:
        data: the dataset; its query split is reserved for the evaluation.
        seed: of the run.
        progress: called with (done, total, what) during long steps.
        watch: called after each epoch, so that observers see the losses; :meth:`train` calls it.
        device: where to compute; None is where the model is.
        objective: what trained the model, which has one tower or several; None if no objective did, or if it is
            unknown.
        objective_seed: of that training; the objective's head, such as class centres, is rebuilt from it.
        team: the processes that run the defense together. :meth:`train` shares out batches to them; what else a defense
            does, each of them does alike.
        snapshots: where a training loop of the defense's own stores its unfinished state. :meth:`train` stores its
            state in parts of it.
        trainer: what :meth:`train` calls; a context without one cannot train.
    """

    data: RetrievalData
    seed: int
    progress: Progress = silent
    watch: EpochWatch = unwatched
    device: torch.device | None = None
    objective: Objective | CrossModalObjective | None = None
    objective_seed: int = 0
    team: Team = field(default_factory=Team)
    snapshots: Snapshots = field(default_factory=_nowhere)
    trainer: Trainer | None = None

    def train(self, model: Trained, loss: LossStep[Trained], recipe: Recipe) -> TrainingReport:
        """Trains a model in place on the train split; an unfinished training is resumed.

        Args:
            model: initialised; afterwards it is trained and in evaluation mode.
            loss: what is minimised.
            recipe: how.

        Raises:
            CapabilityError: this context cannot train.
            TrainingError: the loss was not finite, or the codes retrieve nothing.
            CheckpointError: the snapshot of the unfinished training cannot be read.
        """
        if self.trainer is None:
            raise CapabilityError(
                "this context cannot train a model", hint="make it with robusthash.training.defense_context"
            )
        return self.trainer(self, model, loss, recipe)
