"""What trains a hash model: a loss over relaxed codes, and the relaxation."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """Where in the training a batch is, for schedules, and what the loss has beside the network.

    Attributes:
        epoch: counted from 0.
        epochs: how many there are.
        iteration: optimiser steps made so far.
        bits: code length K.
        head: what :meth:`Objective.head` built; None if that is nothing.
        indices: (n,) int64, positions in the train split of a batch's items; None where there is no batch.
    """

    epoch: int
    epochs: int
    iteration: int
    bits: int
    head: nn.Module | None = field(default=None, repr=False)
    indices: Tensor | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The items that a batch is compared with.

    Attributes:
        codes: (m, bits) float, relaxed codes; the whole train split's (a detached bank) or the batch's own.
        similar: (n, m) float in {0, 1}: 1 where the two items share a label.
    """

    codes: Tensor
    similar: Tensor


class Objective(ABC):
    """A hashing loss: a frozen dataclass of options.

    Attributes:
        pairing: whether a batch is compared with the code bank of the whole train split or with itself. The trainer
            keeps the bank: it starts with one encoding pass, and a batch's rows are written before its loss is taken.
        refreshed: whether :meth:`refresh` is called. The trainer keeps the bank for it, whatever the pairing.
        batch_norm: whether the logits are normalised over the batch while the network learns. The trainer puts the
            normalisation behind the hash layer, and folds it into that layer in the end: what is retrieved and attacked
            is what the loss saw, in a network of the usual shape.
    """

    pairing: Literal["bank", "batch"] = "batch"
    refreshed: ClassVar[bool] = False
    batch_norm: ClassVar[bool] = False

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:  # noqa: ARG002 - for subclasses
        """What the loss learns or keeps beside the network, such as a classifier or class centres; mostly nothing.

        The trainer moves it to the device, trains its parameters at the hash layer's rate, stores it with an unfinished
        training, and hands it to the loss as ``step.head``. It is no part of the model that is stored and attacked.

        Args:
            bits: code length K.
            classes: number of labels.
            seed: of the training. The outcome is a pure function of these three, which a checkpoint records: draw from
                :class:`~robusthash.contracts.Randomness`, not from torch's global generator.

        Returns:
            A module on the CPU, or None.
        """
        return None

    def refresh(self, codes: Tensor, labels: Tensor, step: TrainStep) -> None:  # noqa: B027 - most have none
        """Computes parts of ``step.head`` anew from the whole train split, where ``refreshed`` says so.

        The trainer calls it before the first batch of every epoch. What it sets are the head's buffers, which are
        stored with an unfinished training. It draws no random numbers. A batch finds its items' rows by
        ``step.indices``.

        Args:
            codes: (items, bits) float, the bank: relaxed codes as last seen. It is overwritten as the training goes on.
            labels: (items, classes) float, multi-hot.
            step: where in the training this is, with the head and without indices.
        """

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002 - for schedules, in subclasses
        """The code relaxation u that the loss sees; tanh unless a method says otherwise.

        Args:
            logits: (n, bits) float.
            step: where in the training this is.

        Returns:
            (n, bits) float.
        """
        return torch.tanh(logits)

    @abstractmethod
    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        """The loss of one batch.

        Args:
            relaxed: (n, bits) float, what :meth:`relax` gave.
            labels: (n, classes) float, multi-hot.
            pairs: the items that the batch is compared with.
            step: where in the training this is.

        Returns:
            A scalar.
        """
