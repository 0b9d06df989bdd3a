"""What a defense is: a trained hash model goes in, a harder one comes out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from robusthash.contracts.data.dataset import RetrievalData
from robusthash.contracts.models.model import HashModel


@dataclass(frozen=True, kw_only=True)
class DefenseContext:
    """What a defense may use.

    Attributes:
        data: the dataset; its query split is for the evaluation alone.
        seed: of the run.
        progress: called with (done, total, what) during long steps.
    """

    data: RetrievalData
    seed: int
    progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None


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
