"""Ready models: hashes that need no training and have a code length of their own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from robusthash.contracts.modality import Modality
from robusthash.contracts.models.model import HashModel
from robusthash.contracts.models.towers import CrossModalHashModel


class ReadyModel(ABC):
    """Builds a hash model that needs no training: a frozen dataclass of options.

    A model without gradients is a black box: attacks query its service, or are crafted on a surrogate.

    Attributes:
        libraries: installed distributions whose code computes the hash. Their versions are recorded and are part of the
            model's identity.
    """

    libraries: tuple[str, ...] = ()

    @property
    @abstractmethod
    def bits(self) -> int:
        """Code length K, which ``--bits`` does not change."""

    @abstractmethod
    def build(self, modalities: Mapping[str, Modality]) -> HashModel | CrossModalHashModel:
        """Builds the model.

        Args:
            modalities: modalities of the dataset's items, by name.

        Raises:
            UsageError: the model does not accept such inputs.
            MissingDependencyError: a library is not installed. If possible, raise it in ``__post_init__``, before
                anything of the run is computed.
        """
