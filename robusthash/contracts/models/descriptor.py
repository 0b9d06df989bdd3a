"""What makes a continuous descriptor of a backbone's features, for retrieval systems that take no signs."""

from abc import ABC, abstractmethod

from torch import Tensor

from robusthash.specs import Distance


class Descriptor(ABC):
    """Features searched as they are, or after a map without parameters: a frozen dataclass of options.

    The host builds the backbone with the weights that it is told to start from; nothing is trained.
    """

    @property
    @abstractmethod
    def distance(self) -> Distance:
        """How two descriptors are compared: cosine or L2."""

    @abstractmethod
    def describe(self, features: Tensor) -> Tensor:
        """Descriptors of features, differentiable.

        Args:
            features: (n, width) float, of the backbone.

        Returns:
            (n, d) float.
        """
