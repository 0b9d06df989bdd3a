"""The state of a training: what is trained, by what, and how far it has come."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import torch
from torch import nn

from robusthash.contracts import LossStep, Recipe, TrainProbe, TrainStep
from robusthash.files.snapshots import Snapshot, Snapshots
from robusthash.files.tensors import prefixed, under
from robusthash.training.trainer.average import Average
from robusthash.training.trainer.frozen import Model
from robusthash.training.trainer.optimizers import make_optimizer
from robusthash.training.trainer.snapshot import optimizer_state, restore_optimizer

AnyStep = LossStep[Any]  #: whose model has one tower or several


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a training has come.

    Attributes:
        epochs: number of finished epochs.
        iterations: number of optimiser steps.
        losses: mean loss of each finished epoch.
        probes: probes so far.
    """

    epochs: int = 0
    iterations: int = 0
    losses: tuple[float, ...] = ()
    probes: tuple[TrainProbe, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The position as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Inverse of :meth:`plain`.

        Raises:
            KeyError: a value is missing.
            TypeError: a value has the wrong type.
        """
        return cls(
            epochs=values["epochs"],
            iterations=values["iterations"],
            losses=tuple(values["losses"]),
            probes=tuple(TrainProbe(**probe) for probe in values["probes"]),
        )

    def step(self, model: Model, recipe: Recipe) -> TrainStep:
        """What a loss is told of the position."""
        return TrainStep(epoch=self.epochs, epochs=recipe.epochs, iteration=self.iterations, bits=model.space.size)


class TrainingState:
    """What a training changes, from batch to batch and from epoch to epoch: all that a snapshot of it has.

    Args:
        model: on the device, with what the loss adds to it.
        loss: started on this model.
        recipe: how it trains.

    Attributes:
        optimizer: of the model's parameters and the loss's.
        average: of the model's weights.
        position: how far the training has come.
    """

    def __init__(self, model: Model, loss: AnyStep, recipe: Recipe) -> None:
        self.model = model
        self.loss = loss
        self.recipe = recipe
        self.optimizer = make_optimizer(recipe, model, loss.parameters())
        self.average = Average(model, recipe.average)
        self.position = Position()

    @property
    def step(self) -> TrainStep:
        """What the loss of the next batch is told."""
        return self.position.step(self.model, self.recipe)

    @property
    def trained(self) -> Iterable[nn.Parameter]:
        """All parameters that are trained."""
        return (parameter for group in self.optimizer.param_groups for parameter in group["params"])

    def update(self) -> None:
        """Makes a step along the gradients of a batch."""
        self.optimizer.step()
        self.position = replace(self.position, iterations=self.position.iterations + 1)
        self.average.update(self.position.iterations)

    def finish_epoch(self, loss: float) -> None:
        """Counts an epoch with this mean loss."""
        position = self.position
        self.position = replace(position, epochs=position.epochs + 1, losses=(*position.losses, loss))

    def record(self, probe: TrainProbe) -> None:
        """Adds a probe."""
        self.position = replace(self.position, probes=(*self.position.probes, probe))

    def save(self, snapshots: Snapshots) -> None:
        """Stores the state.

        Raises:
            StorageError: it cannot be written.
        """
        moments, scalars = optimizer_state(self.optimizer)
        tensors = {
            **prefixed("model", self.model.state_dict()),
            **prefixed("optimizer", moments),
            **prefixed("average", self.average.state()),
            **prefixed("loss", self.loss.state()),
        }
        snapshots.save(tensors, {"position": self.position.plain(), "scalars": scalars})

    def restore(self, snapshot: Snapshot, device: torch.device) -> None:
        """Goes on where :meth:`save` was called, in the same training, just begun.

        Args:
            snapshot: what was stored.
            device: of the model and of the loss.
        """
        tensors = snapshot.tensors
        self.model.load_state_dict(under("model", tensors))
        restore_optimizer(self.optimizer, under("optimizer", tensors), snapshot.about["scalars"])
        self.average.restore(under("average", tensors))
        self.loss.restore({name: tensor.to(device) for name, tensor in under("loss", tensors).items()})
        self.position = Position.of(snapshot.about["position"])
