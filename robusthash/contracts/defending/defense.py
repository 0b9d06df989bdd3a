"""What a defense is: a trained hash model goes in, a hardened one comes out."""

from abc import ABC, abstractmethod
from typing import final

from robusthash.contracts.defending.context import DefenseContext
from robusthash.contracts.models.model import HashModel
from robusthash.contracts.training.report import TrainingReport


class Defense(ABC):
    """A defense: a frozen dataclass of options."""

    @abstractmethod
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        """A hardened model; the one given stays as it is.

        Args:
            model: trained, in evaluation mode.
            context: what the defense may use.

        Returns:
            A model of the same bits and modality: newly trained, or a wrapper.
        """


class TrainedDefense(Defense):
    """A defense that trains. Its outcome is costly, so the host stores the tensors and makes it from them again.

    Unless the class is a :class:`TrainedWrapper`, the outcome is a network of the model's own kind, with other weights:
    it can be stored as a checkpoint, and loaded where the defense is not installed.
    """

    @abstractmethod
    def train(self, model: HashModel, context: DefenseContext) -> tuple[HashModel, TrainingReport]:
        """A hardened model, and how its training went; the model given stays as it is.

        Train with :meth:`DefenseContext.train`, which resumes after a kill. A loop of your own keeps its state in
        ``context.snapshots`` and tells ``context.progress``. On one CPU set-up the outcome is a pure function of the
        options, the model, the data, the objective and the seed.

        Args:
            model: trained, in evaluation mode.
            context: what the defense may use.

        Returns:
            A model of the same bits and modality, and the report of its training.

        Raises:
            TrainingError: the training diverged or collapsed.
            CheckpointError: an unfinished training cannot be read, or is of another model.
        """

    @final
    def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
        """What :meth:`train` gives, without its report."""
        return self.train(model, context)[0]


class TrainedWrapper(TrainedDefense):
    """A trained defense that puts something learnt around a model, such as a purifier before it.

    The outcome is not a network of the model's kind, so a checkpoint cannot describe it: the host stores its tensors
    and loads them into what :meth:`around` builds.
    """

    @abstractmethod
    def around(self, model: HashModel, seed: int) -> HashModel:
        """The model inside what has learnt nothing yet.

        Args:
            model: trained; it may become a part of the result.
            seed: of the run; what is drawn is drawn from it.

        Returns:
            A model in evaluation mode, with the same names and shapes of tensors as :meth:`train` returns.
        """
