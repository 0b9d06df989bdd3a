"""Cross-modal objectives: a loss over the codes of two towers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from robusthash.contracts.models.objective import TrainStep


@dataclass(frozen=True, kw_only=True, eq=False)
class TowerBatch:
    """What one tower makes of a batch.

    Attributes:
        relaxed: (n, bits) float, its relaxed codes.
        features: (n, width) float, the inputs of its hash layer, which the loss may use too.
        bank: (items, bits) float, its latest relaxed code of each train item, detached; the batch's rows are up to
            date. Empty unless the objective is ``banked``.
        start: (n, d) float, what is known of the items before the training: features of an image by the backbone as it
            started, and a text as it is. Empty unless the objective is ``guided``.
        stages: the feature network's output, and what each child of the tower's neck makes of it in turn, if the neck
            is an ``nn.Sequential``; the last is ``features``. So a loss can use what its neck leaves out.
    """

    relaxed: Tensor
    features: Tensor
    bank: Tensor
    start: Tensor
    stages: tuple[Tensor, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedBatch:
    """A batch of items as both towers see it.

    Attributes:
        towers: by modality.
        labels: (n, classes) float, multi-hot.
        similar: (n, m) float in {0, 1}; 1 if two items share a label. The m items are the train split if the objective
            is ``banked``, and else the batch.
    """

    towers: Mapping[str, TowerBatch]
    labels: Tensor
    similar: Tensor


class CrossModalObjective(ABC):
    """A loss over the codes of several towers, one a modality: a frozen dataclass of options.

    The towers are feature networks with a linear hash layer on top. The trainer builds them, and keeps their banks.

    Attributes:
        banked: whether the trainer keeps a bank of relaxed codes a tower. One encoding pass fills them; a batch's rows
            are updated before its loss is computed. :meth:`refresh` is then called before each epoch.
        guided: whether the loss uses what is known before the training (:attr:`TowerBatch.start`).
    """

    banked: ClassVar[bool] = False
    guided: ClassVar[bool] = False

    @property
    @abstractmethod
    def networks(self) -> Mapping[str, str]:
        """Registered name of the feature network, by modality; images without an entry use the run's backbone."""

    def neck(self, modality: str, width: int) -> tuple[nn.Module, int] | None:  # noqa: ARG002 - for subclasses
        """Layers between a tower's feature network and its hash layer; by default none.

        They are drawn from torch's global generator, which the host has seeded, and learn at the hash layer's rate.

        Args:
            modality: of the tower.
            width: number of features that the network gives.

        Returns:
            A module from (n, width) to (n, w), and w; or None.
        """
        return None

    def head(self, *, bits: int, classes: int, seed: int) -> nn.Module | None:  # noqa: ARG002 - for subclasses
        """What the loss trains or keeps besides the towers, as for :meth:`~robusthash.contracts.Objective.head`.

        An adversary of the towers is a part of it too: the loss is then the sum of what each side minimises, where the
        other side's outputs, or parameters, are constants.
        """
        return None

    def prepare(self, start: Mapping[str, Tensor], labels: Tensor, step: TrainStep) -> None:  # noqa: B027 - optional
        """Sets buffers of ``step.head`` from what is known before the training; called once, if ``guided``.

        It may draw from torch's global generator, which the trainer has seeded, and add parameters to the head.

        Args:
            start: by modality, (items, d) float: :attr:`TowerBatch.start` of the whole train split.
            labels: (items, classes) float, multi-hot.
            step: the beginning of the training, with the head.
        """

    def refresh(self, banks: Mapping[str, Tensor], labels: Tensor, step: TrainStep) -> None:  # noqa: B027 - optional
        """Updates buffers of ``step.head`` before the first batch of each epoch; called if ``banked``.

        Args:
            banks: by modality, (items, bits) float, the latest relaxed code of each item.
            labels: (items, classes) float, multi-hot.
            step: progress of the training, with the head.
        """

    def relax(self, logits: Tensor, step: TrainStep) -> Tensor:  # noqa: ARG002 - for schedules, in subclasses
        """The relaxed codes u that the loss sees; tanh by default.

        Args:
            logits: (n, bits) float, of one tower.
            step: progress of the training.

        Returns:
            (n, bits) float.
        """
        return torch.tanh(logits)

    @abstractmethod
    def loss(self, batch: PairedBatch, step: TrainStep) -> Tensor:
        """The loss of one batch.

        Args:
            batch: the items as both towers see them.
            step: progress of the training, with the head and the batch's indices.

        Returns:
            A scalar, differentiable in the towers' outputs.
        """
