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
        pretrained: whether it starts with weights that were learnt elsewhere. It then learns at the rate of backbones
            (``train.backbone_lr_scale``), and what it says of a text is what is known before a training.
    """

    hash_init_std: float | None = None
    pretrained: bool = False

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

    def initial(self) -> str:
        """What the network starts from, for the record, and as a part of the identity of what is trained on it.

        Returns:
            ``none`` for random weights; of files that :meth:`prepare` reads, a digest.

        Raises:
            CheckpointError: a file cannot be read.
        """
        return "none"

    def prepare(self, features: nn.Module, train: Inputs) -> None:  # noqa: B027 - optional
        """Sets what the network has before it is trained: pretrained weights, and what it takes from the train split.

        It is called for a new training alone. A checkpoint stores the outcome: keep it in parameters and buffers.

        Args:
            features: what :meth:`build` returned.
            train: texts of the train split, with their vocabulary.

        Raises:
            UsageError: the network does not take such texts.
            CheckpointError: weights cannot be read, or do not fit.
        """
