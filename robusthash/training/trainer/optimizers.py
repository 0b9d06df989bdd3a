"""The optimiser of a recipe, and its learning rate of each batch."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from robusthash.contracts import CrossModalHashModel, HashModel, Recipe, towers_of
from robusthash.training.networks import LayeredModel


def learning_rate(recipe: Recipe, epoch: int, *, batch: int = 0, batches: int = 1) -> float:
    """Learning rate of the hash layer for a batch.

    ``step`` follows the ProS-GAN family of repositories: *after* epoch e (from 0) the rate becomes
    ``lr * factor ** (e // step)``, so the first drop takes effect in epoch ``step + 1``. ``milestones`` drops it at
    half and at three quarters of the epochs; ``batch-milestones`` after half and after three quarters of the batches,
    each if it is a whole number: CgAT's code has torch's ``MultiStepLR`` compare its counter with floats. With the
    329 batches of its NUS-WIDE and 30 epochs the second drop, after 7,402.5 batches, never comes.

    Args:
        recipe: the options.
        epoch: counted from 0.
        batch: within the epoch, counted from 0.
        batches: of each epoch.

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
        case "batch-milestones":
            total, done = recipe.epochs * batches, epoch * batches + batch
            drops = sum(done >= mark for mark in (total / 2, total * 3 / 4) if mark.is_integer())
            return recipe.lr * recipe.step_factor**drops
        case "cosine":
            return recipe.lr * 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))
        case "none":
            return recipe.lr


def make_optimizer(
    recipe: Recipe, model: HashModel | CrossModalHashModel, of_loss: Iterable[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """The recipe's optimiser; the ``lr_scale`` of a parameter group is its share of the learning rate.

    Args:
        recipe: the options.
        model: its hash layers learn at the full rate, and backbones at ``backbone_lr_scale`` of it; a model without a
            ``hash_layer`` learns at the full rate.
        of_loss: parameters of the loss, which learn at the full rate.
    """
    groups: list[dict[str, Any]] = []
    for tower in towers_of(model).values():
        scaled = list(_scaled(tower))
        own = {id(parameter) for parameter in scaled}
        full = [parameter for parameter in tower.parameters() if id(parameter) not in own]
        groups.append({"params": full, "lr_scale": 1.0})
        if scaled:
            groups.append({"params": scaled, "lr_scale": recipe.backbone_lr_scale})
    if others := list(of_loss):
        groups.append({"params": others, "lr_scale": 1.0})
    decay = recipe.weight_decay
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(groups, lr=recipe.lr, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=recipe.lr, weight_decay=decay)
        case "sgd":
            return torch.optim.SGD(
                groups, lr=recipe.lr, weight_decay=decay, momentum=recipe.momentum, nesterov=recipe.nesterov
            )


def _scaled(tower: HashModel) -> Iterable[nn.Parameter]:
    """The parameters that learn at the backbone's rate."""
    if isinstance(tower, LayeredModel):
        return [] if tower.pretrained is None else tower.pretrained.parameters()
    head = getattr(tower, "hash_layer", tower)
    own = {id(parameter) for parameter in head.parameters()}
    return [parameter for parameter in tower.parameters() if id(parameter) not in own]


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets each parameter group's share of a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]
