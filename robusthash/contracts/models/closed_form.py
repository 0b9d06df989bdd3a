"""What sets a hash model's last layer in closed form, from the features of the train split."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from robusthash.contracts.randomness import Randomness


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainFeatures:
    """What the backbone makes of the train split, on the CPU.

    Attributes:
        values: (n, width) float64.
        labels: (n, classes) uint8, multi-hot.
    """

    values: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class HashLayer:
    """A hash layer: the logits of features x are ``W x + b``.

    Attributes:
        weight: (bits, width) float, W.
        bias: (bits,) float, b.
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def centred(cls, weight: Tensor, mean: Tensor) -> Self:
        """Logits ``W (x - m)``.

        Args:
            weight: (bits, width) float, W.
            mean: (width,) float, m.
        """
        return cls(weight=weight, bias=-(weight @ mean))


class ClosedForm(ABC):
    """A way to hash features without gradient steps: a frozen dataclass of options.

    The host computes the features, and makes the projection the hash layer of an ordinary network.
    """

    @abstractmethod
    def project(self, train: TrainFeatures, bits: int, random: Randomness) -> HashLayer:
        """The hash layer. Its scale is the host's: one factor for all bits brings the logits to order 1.

        Args:
            train: features and labels of the train split.
            bits: code length K.
            random: where random numbers come from.

        Raises:
            UsageError: it cannot give so many bits of these features.
        """
