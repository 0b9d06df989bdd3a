"""Feature networks of texts."""

from abc import ABC, abstractmethod

from torch import nn

from robusthash.contracts.data.inputs import Inputs
from robusthash.contracts.modality import Modality


class TextBackbone(ABC):
    """Builds a feature network for text features, such as bags of words: a frozen dataclass of options.

    It is for texts what :class:`~robusthash.contracts.Backbone` is for images. Weighting and normalisation of the words
    are part of the network, so that an attack's box and levels are those of the texts themselves.

    Attributes:
        hash_init_std: standard deviation of normal initial weights of the hash layer; None is torch's initialisation.
    """

    hash_init_std: float | None = None

    @abstractmethod
    def build(self, modality: Modality) -> tuple[nn.Module, int]:
        """Builds the network, with random weights.

        Args:
            modality: of the texts: their width, and their box.

        Returns:
            A module from texts (n, d) in the box to features (n, width), and width.

        Raises:
            UsageError: the network does not take such texts.
        """

    def prepare(self, features: nn.Module, train: Inputs) -> None:  # noqa: B027 - optional
        """Sets what the network takes from the train split before it is trained, such as the words' frequencies.

        A checkpoint stores it: keep it in buffers.

        Args:
            features: what :meth:`build` returned.
            train: texts of the train split.
        """
