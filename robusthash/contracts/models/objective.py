"""Objectives: a loss over relaxed codes, and the relaxation."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """The progress of a training, for schedules, and what the loss uses besides the network.

    Attributes:
        epoch: current epoch, from 0.
        epochs: number of epochs.
        iteration: number of optimiser steps taken.
        bits: code length K.
        head: the module that :meth:`Objective.head` built; None if there is none.
        indices: (n,) int64, positions of the batch's items in the train split; None outside a batch.
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
        codes: (m, bits) float, relaxed codes of the whole train split (a detached bank) or of the batch itself.
        similar: (n, m) float in {0, 1}; 1 if the two items share a label.
    """

    codes: Tensor
    similar: Tensor


class Objective(ABC):
    """A hashing loss: a frozen dataclass of options.

    Attributes:
        pairing: whether a batch is compared with the code bank of the whole train split or with itself. The trainer
            keeps the bank: one encoding pass fills it, and a batch's rows are updated before its loss is computed.
        refreshed: whether :meth:`refresh` is called. The trainer then keeps a bank with either pairing.
        batch_norm: whether the logits are normalised over the batch during training. The trainer appends the
            normalisation to the hash layer, and folds it in at the end, so that retrieval and attacks see the logits
            that the loss saw, in a network of the usual structure.
    """

    pairing: Literal["bank", "batch"] = "batch"
    refreshed: ClassVar[bool] = False
    batch_norm: ClassVar[bool] = False

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:  # noqa: ARG002 - for subclasses
        """What the loss trains or keeps besides the network, such as a classifier or class centres; by default nothing.

        The trainer moves it to the device, trains its parameters at the hash layer's learning rate, stores it with an
        unfinished training, and passes it to the loss as ``step.head``. It is not part of the stored model.

        Args:
            bits: code length K.
            classes: number of labels.
            seed: of the training. A checkpoint records these three values, and the module must be a pure function of
                them: draw from :class:`~robusthash.contracts.Randomness`, not from torch's global generator.

        Returns:
            A module on the CPU, or None.
        """
        return None

    def refresh(self, codes: Tensor, labels: Tensor, step: TrainStep) -> None:  # noqa: B027 - optional
        """Updates buffers of ``step.head`` from the whole train split; called if ``refreshed`` is true.

        The trainer calls it before the first batch of every epoch, and stores the buffers with an unfinished training.
        It must not draw random numbers. :meth:`loss` finds the rows of its items by ``step.indices``.

        Args:
            codes: (items, bits) float, the bank: the latest relaxed code of each item. Later batches overwrite it.
            labels: (items, classes) float, multi-hot.
            step: progress of the training, with the head and without indices.
        """

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002 - for schedules, in subclasses
        """The relaxed codes u that the loss sees; tanh by default.

        Args:
            logits: (n, bits) float.
            step: progress of the training.

        Returns:
            (n, bits) float.
        """
        return torch.tanh(logits)

    @abstractmethod
    def loss(self, relaxed: Tensor, labels: Tensor, pairs: Pairs, step: TrainStep) -> Tensor:
        """The loss of one batch.

        Args:
            relaxed: (n, bits) float, what :meth:`relax` returned.
            labels: (n, classes) float, multi-hot.
            pairs: the items that the batch is compared with.
            step: progress of the training.

        Returns:
            A scalar, differentiable in the relaxed codes.
        """
