"""The context of a defense, with the training loop of this package."""

from typing import Any

import torch

from robusthash.contracts import (
    CrossModalHashModel,
    CrossModalObjective,
    DefenseContext,
    EpochWatch,
    HashModel,
    LossStep,
    Objective,
    Progress,
    Recipe,
    RetrievalData,
    Snapshots,
    Team,
    TrainingReport,
    silent,
    unwatched,
)
from robusthash.training.trainer import train, training_identity


def defense_context(
    data: RetrievalData,
    *,
    seed: int,
    objective: Objective | CrossModalObjective | None = None,
    objective_seed: int = 0,
    device: torch.device | None = None,
    progress: Progress = silent,
    watch: EpochWatch = unwatched,
    snapshots: Snapshots | None = None,
    team: Team | None = None,
) -> DefenseContext:
    """What a defense may use, including a way to train.

    Args:
        data: the dataset; the defense trains on its train split.
        seed: of the run: of order, augmentation, dropout and the defense's random draws.
        objective: what trained the model; None if no objective did, or if it is unknown.
        objective_seed: of that training.
        device: where to train; None is where the model is.
        progress: called with (done, total, what) after each batch.
        watch: called after each epoch of a training.
        snapshots: where unfinished trainings are stored; None stores nothing. Remove them once the outcome is stored.
        team: the processes that train together; None is this one alone.
    """
    return DefenseContext(
        data=data,
        seed=seed,
        objective=objective,
        objective_seed=objective_seed,
        device=device,
        progress=progress,
        watch=watch,
        snapshots=snapshots or Snapshots(None, ""),
        team=team or Team(),
        trainer=_train,
    )


def _train(
    context: DefenseContext, model: HashModel | CrossModalHashModel, loss: LossStep[Any], recipe: Recipe
) -> TrainingReport:
    """Trains with a snapshot file of its own, named by the training's identity: a defense may train several times."""
    identity = training_identity(model, loss, recipe, context.data.train, context.seed, processes=context.team.size)
    return train(
        model,
        loss,
        recipe,
        context.data,
        seed=context.seed,
        device=context.device or next((part.device for part in model.parameters()), torch.device("cpu")),
        progress=context.progress,
        watch=context.watch,
        partial=context.snapshots.part(f"training-{identity[:16]}").path,
        partial_seconds=context.snapshots.seconds,
        team=context.team,
    )
