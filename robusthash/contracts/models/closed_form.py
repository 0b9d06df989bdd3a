"""Closed forms: they compute a hash layer from features of the train split."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from robusthash.contracts.randomness import Randomness


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainFeatures:
    """The backbone's features of the train split, on the CPU.

    Attributes:
        values: (n, width) float64.
        labels: (n, classes) uint8, multi-hot.
    """

    values: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class HashLayer:
    """A hash layer, whose logits of features x are ``W x + b``.

    Attributes:
        weight: (bits, width) float, W.
        bias: (bits,) float, b.
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def centred(cls, weight: Tensor, mean: Tensor) -> Self:
        """A hash layer with the logits ``W (x - m)``.

        Args:
            weight: (bits, width) float, W.
            mean: (width,) float, m.
        """
        return cls(weight=weight, bias=-(weight @ mean))


class ClosedForm(ABC):
    """Computes a hash layer without gradient steps: a frozen dataclass of options.

    The host computes the features, and puts the result into an ordinary network.
    """

    @abstractmethod
    def project(self, train: TrainFeatures, bits: int, random: Randomness) -> HashLayer:
        """The hash layer. The host rescales it by one factor for all bits, so that logits are of order 1.

        Args:
            train: features and labels of the train split.
            bits: code length K.
            random: where random numbers come from.

        Returns:
            A layer from ``width`` features to ``bits`` logits.

        Raises:
            UsageError: these features do not allow so many bits.
        """
