"""The training loop: minimises any loss of a model's batches, and resumes after an interruption."""

import math
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from robusthash.boundary import breach
from robusthash.contracts import (
    ALONE,
    CrossModalObjective,
    EpochWatch,
    Objective,
    Precision,
    Progress,
    Randomness,
    Recipe,
    RetrievalData,
    Split,
    Team,
    TrainingReport,
    seeded,
    silent,
    towers_of,
    unwatched,
)
from robusthash.devices import note_bfloat16
from robusthash.errors import TrainingError, UsageError
from robusthash.files.snapshots import SNAPSHOT_SECONDS
from robusthash.files.storage import digest
from robusthash.training.networks import weights_digest
from robusthash.training.trainer.batches import batch_count, batches
from robusthash.training.trainer.crossmodal import CrossModalStep
from robusthash.training.trainer.frozen import Model, frozen_parts, on_features, take_back
from robusthash.training.trainer.objective import ObjectiveStep
from robusthash.training.trainer.optimizers import learning_rate, set_learning_rate
from robusthash.training.trainer.precision import computing_in
from robusthash.training.trainer.probing import probe, refuse_collapsed
from robusthash.training.trainer.sharing import Sharing
from robusthash.training.trainer.snapshot import TeamSnapshots
from robusthash.training.trainer.state import AnyStep, Position, TrainingState

PROBES = 5  #: number of probes in a training, including the last


def train(
    model: Model,
    loss: Objective | CrossModalObjective | AnyStep,
    recipe: Recipe,
    data: RetrievalData,
    *,
    seed: int,
    device: torch.device,
    progress: Progress = silent,
    watch: EpochWatch = unwatched,
    partial: Path | None = None,
    partial_seconds: float = SNAPSHOT_SECONDS,
    team: Team = ALONE,
) -> TrainingReport:
    """Trains a model in place. On the same CPU the same arguments give the same bytes, interrupted or not.

    A team of processes shares out the parts of each batch that the loss allows, see :meth:`LossStep.shareable`. All end
    with the same model: that of one process, up to the rounding of sums and to what is drawn inside these parts, such
    as dropout.

    Args:
        model: initialised; afterwards it is trained, on ``device``, and in evaluation mode. A backbone of a recipe with
            ``backbone_lr_scale=0`` stays as it is, with its batch normalisation.
        loss: what is minimised.
        recipe: how.
        data: the dataset; its train split is used.
        seed: of an objective's head, of order, augmentation and dropout.
        device: where to train.
        progress: called with (done, total, what) after each batch.
        watch: called after each epoch.
        partial: file for snapshots of the unfinished training. If it exists, the training resumes from it. It is not
            removed at the end: remove it once the trained model is stored.
        partial_seconds: least time between two snapshots, which are taken between epochs.
        team: the processes that train together; the first one writes the snapshots.

    Returns:
        How the training went.

    Raises:
        TrainingError: the loss was not finite, or the codes retrieve nothing.
        CheckpointError: ``partial`` cannot be read, or belongs to another training.
        UsageError: the split's items do not fit the model, or are too few.
        CapabilityError: the split has not what a tower takes.
        StorageError: ``partial`` cannot be written.
    """
    whole, split = model, data.train
    step = _step_of(loss, seed)
    _require_fit(model, split)
    identity = training_identity(model, step, recipe, split, seed, processes=team.size)
    model.to(device)
    if recipe.precision is Precision.BF16:
        note_bfloat16(device)
    model, split = on_features(model, split, recipe, needed=step.reads, device=device, progress=progress)
    step.start(model, split, Position().step(model, recipe), device)
    state = TrainingState(model, step, recipe)
    snapshots = TeamSnapshots(partial, identity, team=team, seconds=partial_seconds)
    found = snapshots.load()
    if found is not None:
        state.restore(found, device)
    with Sharing(step.shareable(model), team, Randomness(seed=seed, purpose="train-dropout")).sharing() as shared:
        while state.position.epochs < recipe.epochs:
            _epoch(state, split, shared, seed=seed, device=device, progress=progress)
            if _probe_due(state.position.epochs, recipe.epochs):
                with state.average.applied():
                    state.record(probe(model, split, seed=seed, epoch=state.position.epochs, device=device))
            _tell(watch, state.position, recipe)
            if snapshots.due:
                state.save(snapshots)
    state.average.deliver()
    step.finish(model)
    take_back(whole, model)
    reached = state.position
    if step.labelled:
        refuse_collapsed(reached.probes[-1], model.space)
    whole.eval()
    return TrainingReport(
        epochs=reached.epochs, iterations=reached.iterations, losses=reached.losses, probes=reached.probes
    )


def _step_of(loss: Objective | CrossModalObjective | AnyStep, seed: int) -> AnyStep:
    if isinstance(loss, Objective):
        return ObjectiveStep(loss, seed=seed)
    return CrossModalStep(loss, seed=seed) if isinstance(loss, CrossModalObjective) else loss


def training_identity(
    model: Model, loss: AnyStep, recipe: Recipe, split: Split, seed: int, *, processes: int = 1
) -> str:
    """Digest of everything that determines a training.

    Args:
        model: initialised.
        loss: what is minimised.
        recipe: how.
        split: the train split.
        seed: of order, augmentation and dropout.
        processes: number of those that train together.
    """
    together = {"processes": processes} if processes > 1 else {}
    return digest(
        {
            **together,
            "loss": loss.identity(),
            "recipe": asdict(recipe),
            "split": split.digest,
            "seed": seed,
            "start": weights_digest(model),
            "torch": torch.__version__,
        }
    )


def _epoch(
    state: TrainingState, split: Split, shared: Sharing, *, seed: int, device: torch.device, progress: Progress
) -> None:
    model, recipe, optimizer, begun = state.model, state.recipe, state.optimizer, state.position
    epoch, count = begun.epochs, batch_count(len(split), recipe.batch_size)
    total = 0.0
    known = f", MAP {begun.probes[-1].map:.3f} within the train split" if begun.probes else ""
    modalities = sorted(towers_of(model))
    trained = list(state.trained)
    shared.begin(epoch)
    model.train()
    for part in frozen_parts(model, recipe):
        part.eval()
    dropout = Randomness(seed=seed, purpose="train-dropout")
    with seeded(dropout, epoch, device=device), computing_in(recipe.precision, model, device):
        read = batches(split, recipe, modalities=modalities, seed=seed, epoch=epoch, device=device)
        for number, batch in enumerate(read, start=1):
            set_learning_rate(optimizer, learning_rate(recipe, epoch, batch=number - 1, batches=count))
            optimizer.zero_grad()
            value = state.loss.loss(model, batch, state.step)
            where = f"epoch {epoch + 1}/{recipe.epochs}"
            total += _finite(_scalar(value, state.loss), f"{where}, batch {number}/{count}")
            torch.autograd.backward(value)
            shared.reduce(trained)
            state.update()
            progress(epoch * count + number, recipe.epochs * count, f"{where}, loss {total / number:.4f}{known}")
    state.finish_epoch(total / count)


def _scalar(value: object, loss: AnyStep) -> Tensor:
    if isinstance(value, Tensor) and value.ndim == 0 and value.is_floating_point() and value.requires_grad:
        return value
    if not isinstance(value, Tensor):
        found = type(value).__name__
    elif value.ndim or not value.is_floating_point():
        found = f"{tuple(value.shape)} {value.dtype}"
    else:
        found = "a constant without gradient"
    raise breach(
        loss, f"returned {found} as the loss of a batch", hint="return a differentiable scalar, such as a mean"
    )


def _tell(watch: EpochWatch, position: Position, recipe: Recipe) -> None:
    measured = [taken.map for taken in position.probes if taken.epoch == position.epochs]
    watch(position.epochs, recipe.epochs, position.losses[-1], measured[-1] if measured else None)


def _finite(loss: Tensor, where: str) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingError(
            f"the training diverged: the loss is {value} at {where}",
            hint="lower the learning rate (recipe.lr), and check the pretrained weights and the images",
        )
    return value


def _probe_due(epochs: int, total: int) -> bool:
    return epochs == total or epochs % max(1, total // PROBES) == 0


def _require_fit(model: Model, split: Split) -> None:
    for name, tower in towers_of(model).items():
        found = split.view(name).modality.shape
        if tower.modality.shape != found:
            raise UsageError(
                f"the model takes {name}s of shape {tower.modality.shape}, the train split has {found}",
                hint="build the model for the dataset's items",
            )
    if len(split) < 2:
        raise UsageError(f"the train split has {len(split)} items", hint="pairs need at least 2")
