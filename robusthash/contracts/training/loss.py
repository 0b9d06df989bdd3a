"""What a training minimises on each batch, and the state that it keeps between batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from robusthash.contracts.data.dataset import Split
from robusthash.contracts.modality import IMAGE
from robusthash.contracts.models.model import HashModel
from robusthash.contracts.models.objective import TrainStep
from robusthash.contracts.models.towers import CrossModalHashModel

Trained = TypeVar("Trained", bound=HashModel | CrossModalHashModel)


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainBatch:
    """One batch on the training device.

    Attributes:
        views: the items' inputs by modality: images (n, 3, h, w) float in [0, 1], augmented; text features (n, d). A
            model with one tower is trained on the view of its modality alone.
        labels: (n, classes) float in {0, 1}.
        indices: (n,) int64, positions in the train split.
    """

    views: Mapping[str, Tensor]
    labels: Tensor
    indices: Tensor

    @property
    def images(self) -> Tensor:
        """The items as images."""
        return self.views[IMAGE]


class LossStep(ABC, Generic[Trained]):
    """What is minimised on a batch of a model's inputs, and the state that it keeps between batches.

    The trainer calls :meth:`start` once, then :meth:`loss` for every batch, then :meth:`finish`. A loss that sees
    relaxed codes alone is simpler as an :class:`~robusthash.contracts.Objective`, or as a
    :class:`~robusthash.contracts.CrossModalObjective` for two towers: the trainer makes a step of either.

    Attributes:
        labelled: whether it learns from labels. Then a model that retrieves no better than random codes is refused.
    """

    labelled: bool = True

    @abstractmethod
    def identity(self) -> str:
        """Everything that could change the outcome, as text: class and options."""

    @abstractmethod
    def loss(self, model: Trained, batch: TrainBatch, step: TrainStep) -> Tensor:
        """The loss of one batch: a scalar, differentiable in the model's parameters."""

    def reads(self, modality: str) -> bool:  # noqa: ARG002 - for subclasses
        """Whether it needs a tower's inputs themselves; by default it does.

        Otherwise, where a tower's backbone is frozen, its features may stand in for its inputs: they are computed once.
        """
        return True

    def shareable(self, model: Trained) -> Iterable[nn.Module]:  # noqa: ARG002 - for subclasses
        """Parts of the model that processes may share out; by default none, and each computes whole batches.

        A part is called with a tensor of one row per item, and computes each row by itself but for batch normalisation.
        The loss uses it, and its parameters, in no other way.

        Args:
            model: after :meth:`start`.
        """
        return ()

    def start(self, model: Trained, split: Split, step: TrainStep, device: torch.device) -> None:
        """Prepares the state; called once, with the model on the device, before the optimiser is made.

        It may add modules to the model, which are then trained and stored with an unfinished training.
        """

    def parameters(self) -> Iterable[nn.Parameter]:
        """What is trained alongside the model, at the hash layer's rate; called after :meth:`start`."""
        return ()

    def finish(self, model: Trained) -> None:
        """Removes what :meth:`start` added to the model, without changing its codes; called after the last batch."""

    def state(self) -> dict[str, Tensor]:
        """Tensors that :meth:`restore` needs to resume; by default none."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restores what :meth:`state` returned; called after :meth:`start`."""
