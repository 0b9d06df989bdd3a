"""What gives a hash model as it is: nothing to train, and a code length of its own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from robusthash.contracts.modality import Modality
from robusthash.contracts.models.model import HashModel
from robusthash.contracts.models.towers import CrossModalHashModel


class ReadyModel(ABC):
    """A hash that is not trained here: a frozen dataclass of options.

    A model without gradients is a black box: attacks ask its service, or are crafted on a surrogate.

    Attributes:
        libraries: installed distributions whose code makes the hash. Their versions are recorded, and a hash under
            another version is another model.
    """

    libraries: tuple[str, ...] = ()

    @property
    @abstractmethod
    def bits(self) -> int:
        """Code length K. It is the model's own, whatever a run asks of the others."""

    @abstractmethod
    def build(self, modalities: Mapping[str, Modality]) -> HashModel | CrossModalHashModel:
        """Builds the model.

        Args:
            modalities: by name, ``image`` or ``text``, what kind of inputs the dataset's items are.

        Raises:
            UsageError: it cannot take such inputs.
            MissingDependencyError: a library is not installed. Better raised when the options are made, before
                anything else of a run is computed.
        """
