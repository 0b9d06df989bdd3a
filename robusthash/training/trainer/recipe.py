"""How a network is trained: optimiser, schedule, batches, augmentation."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from robusthash.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Options of the training loop.

    Raises:
        OptionError: a value is outside its range.
    """

    optimizer: Literal["sgd", "adam", "rmsprop"] = "adam"  #: torch's optimiser of that name
    lr: float = 1e-3  #: learning rate of the hash layer at the start
    momentum: float = 0.9  #: of sgd; adam keeps its own (0.9, 0.999), rmsprop has none
    nesterov: bool = False  #: Nesterov's momentum, sgd only
    weight_decay: float = 0.0  #: L2 penalty on all parameters, inside the gradient
    epochs: int = 20  #: passes over the train split
    batch_size: int = 64  #: images to a step
    schedule: Literal["none", "step", "milestones", "cosine"] = "none"  #: of the learning rate, by epochs
    step_factor: float = 0.1  #: schedules step and milestones: what the learning rate is multiplied by at each drop
    step_epochs: int | None = None  #: schedule step: epochs between drops; None is floor(epochs / 3)
    backbone_lr_scale: float = 1.0  #: learning rate of the backbone, as a share of the hash layer's
    augment: Literal["none", "crop", "flip-crop"] = "none"  #: random crop after padding by 1/8 of the side; and flip

    def __post_init__(self) -> None:
        positive = {"lr": self.lr, "epochs": self.epochs, "batch_size": self.batch_size}
        if self.step_epochs is not None:
            positive["step_epochs"] = self.step_epochs
        for name, value in positive.items():
            if not value > 0:
                raise OptionError(f"recipe.{name} is {value!r}", hint="it must be positive")
        not_negative = {
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "step_factor": self.step_factor,
            "backbone_lr_scale": self.backbone_lr_scale,
        }
        for name, value in not_negative.items():
            if not value >= 0:
                raise OptionError(f"recipe.{name} is {value!r}", hint="it must not be negative")
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum):
            raise OptionError("recipe.nesterov needs optimizer=sgd and a momentum", hint="set both, or leave it out")
        if self.batch_size == 1:
            raise OptionError("recipe.batch_size is 1", hint="pairs need at least 2 images")


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """Learning rate of the hash layer during an epoch.

    ``step`` is the rule of the ProS-GAN family of repositories: *after* epoch e (from 0) the rate becomes
    ``lr * factor ** (e // step)``, so the first drop is felt in epoch ``step + 1``. ``milestones`` drops it at half and
    at three quarters of the epochs.

    Args:
        recipe: the options.
        epoch: counted from 0.

    >>> recipe = Recipe(lr=1.0, schedule="step", epochs=100)
    >>> [round(learning_rate(recipe, epoch), 4) for epoch in (0, 33, 34, 66, 67)]
    [1.0, 1.0, 0.1, 0.1, 0.01]
    """
    match recipe.schedule:
        case "step":
            every = recipe.step_epochs or max(1, recipe.epochs // 3)
            return recipe.lr * recipe.step_factor ** (max(0, epoch - 1) // every)
        case "milestones":
            return recipe.lr * recipe.step_factor ** sum(epoch >= share * recipe.epochs for share in (0.5, 0.75))
        case "cosine":
            return recipe.lr * 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))
        case "none":
            return recipe.lr


def make_optimizer(recipe: Recipe, model: nn.Module, beside: Iterable[nn.Parameter] = ()) -> torch.optim.Optimizer:
    """The recipe's optimiser; each parameter group says in ``lr_scale`` its share of the learning rate.

    Args:
        recipe: the options.
        model: its part ``hash_layer``, if it has one, learns at the full rate and the rest at ``backbone_lr_scale``
            of it; a model without that part learns at the full rate.
        beside: parameters of the loss, which learn at the full rate.
    """
    head = getattr(model, "hash_layer", model)
    own = {id(parameter) for parameter in head.parameters()}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in own]
    groups: list[dict[str, Any]] = [{"params": list(head.parameters()), "lr_scale": 1.0}]
    if rest:
        groups.append({"params": rest, "lr_scale": recipe.backbone_lr_scale})
    if of_loss := list(beside):
        groups.append({"params": of_loss, "lr_scale": 1.0})
    decay = recipe.weight_decay
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(groups, lr=recipe.lr, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=recipe.lr, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(
                groups, lr=recipe.lr, weight_decay=decay, momentum=recipe.momentum, nesterov=recipe.nesterov
            )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives each parameter group its share of a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]
