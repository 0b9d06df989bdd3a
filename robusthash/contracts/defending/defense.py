"""Defenses: they turn a trained hash model into a hardened one."""

from abc import ABC, abstractmethod
from typing import ClassVar, final

from robusthash.contracts.defending.context import DefenseContext
from robusthash.contracts.models.model import HashModel
from robusthash.contracts.models.towers import CrossModalHashModel
from robusthash.contracts.randomness import Draws
from robusthash.contracts.training.report import TrainingReport
from robusthash.errors import CapabilityError


class Defense(ABC):
    """A defense: a frozen dataclass of options.

    Attributes:
        draws: when it draws random numbers, by itself or in the model that it returns.
    """

    draws: ClassVar[Draws] = Draws.NONE

    @abstractmethod
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        """A hardened model; the given one is not changed.

        Args:
            model: trained, in evaluation mode.
            context: what the defense may use.

        Returns:
            A model of the same bits and modality: with other weights, or a wrapper.
        """


class TrainedDefense(Defense):
    """A defense that trains. The host caches its outcome, and resumes an unfinished training.

    Unless the class is a :class:`TrainedWrapper`, the outcome is the same network with other weights: the host stores
    it as a checkpoint, which can be loaded where the defense is not installed.
    """

    @abstractmethod
    def train(self, model: HashModel, context: DefenseContext) -> tuple[HashModel, TrainingReport]:
        """A hardened model, and how its training went; the given model is not changed.

        Train with :meth:`DefenseContext.train`, which resumes an unfinished training. A loop of your own stores its
        state in ``context.snapshots`` and reports to ``context.progress``. On the same CPU the outcome is a pure
        function of the options, the model, the data, the objective and the seed.

        Args:
            model: trained, in evaluation mode.
            context: what the defense may use.

        Returns:
            A model of the same bits and modality, and the report of its training.

        Raises:
            TrainingError: the training diverged or collapsed.
            CheckpointError: the snapshot of an unfinished training cannot be read.
        """

    def train_towers(
        self,
        model: CrossModalHashModel,  # noqa: ARG002 - for subclasses
        context: DefenseContext,  # noqa: ARG002
    ) -> tuple[CrossModalHashModel, TrainingReport]:
        """A hardened model with several towers, as :meth:`train` does for one; by default it is refused.

        Args:
            model: trained, in evaluation mode.
            context: what the defense may use; its objective may be a
                :class:`~robusthash.contracts.CrossModalObjective`.

        Returns:
            A model with the same towers and other weights, and the report of its training.

        Raises:
            CapabilityError: the defense hardens models with one tower alone.
        """
        raise CapabilityError(
            f"{type(self).__name__} hardens one model, and this one has several towers",
            hint="choose one that trains, such as cgat or fpad, or evaluate with --defense none",
        )

    @final
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        """The model that :meth:`train` returns."""
        return self.train(model, context)[0]


class TrainedWrapper(TrainedDefense):
    """A defense that puts a trained part around a model, such as a purifier before it.

    A checkpoint cannot describe the outcome, so the host stores its tensors, and loads them into what :meth:`around`
    builds.
    """

    @abstractmethod
    def around(self, model: HashModel, seed: int) -> HashModel:
        """The model with an untrained part around it.

        Args:
            model: trained; it may become a part of the result.
            seed: of the run, and of the initial weights.

        Returns:
            A model in evaluation mode, whose tensors have the names and shapes of those that :meth:`train` returns.
        """
