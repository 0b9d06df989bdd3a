"""What trains a hash model: a loss over relaxed codes, and the relaxation."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """Where in the training a batch is, for schedules.

    Attributes:
        epoch: counted from 0.
        epochs: how many there are.
        iteration: optimiser steps made so far.
        bits: code length K.
    """

    epoch: int
    epochs: int
    iteration: int
    bits: int


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
    """

    pairing: Literal["bank", "batch"] = "batch"

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
