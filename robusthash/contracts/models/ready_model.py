"""What gives a hash model as it is: nothing to train, and a code length of its own."""

from abc import ABC, abstractmethod

from robusthash.contracts.models.model import HashModel


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
    def build(self, image_size: int) -> HashModel:
        """Builds the model.

        Args:
            image_size: height and width of the dataset's images, in pixels.

        Raises:
            UsageError: it cannot take images of this size.
            MissingDependencyError: a library is not installed. Better raised when the options are made, before
                anything else of a run is computed.
        """
