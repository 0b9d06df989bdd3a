"""Descriptors: continuous outputs of a backbone, for retrieval systems without codes."""

from abc import ABC, abstractmethod

from torch import Tensor

from robusthash.specs import Distance


class Descriptor(ABC):
    """Maps features to descriptors, without parameters: a frozen dataclass of options.

    The host builds the backbone with the weights of ``--weights``; nothing is trained.
    """

    @property
    @abstractmethod
    def distance(self) -> Distance:
        """Distance between two descriptors: cosine or L2."""

    @abstractmethod
    def describe(self, features: Tensor) -> Tensor:
        """Differentiable descriptors of features.

        Args:
            features: (n, width) float, outputs of the backbone.

        Returns:
            (n, d) float.
        """
