"""Multi-hot labels as bits: an eighth of a byte a class, from which blocks are compared as machine words."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from robusthash.errors import ContractError

Octets = npt.NDArray[np.uint8]

_ROWS = 1 << 18  #: rows whose flags are unpacked at once


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedLabels:
    """Labels eight classes to the byte; they are taken wherever multi-hot labels are, and nothing packs them again.

    Attributes:
        octets: (n, ceil(classes / 8)) uint8, as ``numpy.packbits(labels, axis=1)`` makes them; may be a memory map.
        classes: number of classes.

    Raises:
        ContractError: the octets have another shape or type.
    """

    octets: Octets
    classes: int

    def __post_init__(self) -> None:
        width = -(-self.classes // 8)
        if self.octets.dtype != np.uint8 or self.octets.ndim != 2 or self.octets.shape[1] != width:
            raise ContractError(
                f"packed labels have shape {self.octets.shape} and type {self.octets.dtype}",
                hint=f"{self.classes} classes take (n, {width}) uint8, as numpy.packbits(labels, axis=1) makes them",
            )

    def __len__(self) -> int:
        return len(self.octets)

    @property
    def shape(self) -> tuple[int, int]:
        """Items and classes."""
        return len(self.octets), self.classes

    def __getitem__(self, rows: slice | npt.NDArray[np.int64]) -> "PackedLabels":
        return PackedLabels(octets=self.octets[rows], classes=self.classes)


#: (n, classes) multi-hot, where whatever is not zero is a label; or the same in bits.
Labels = Tensor | npt.NDArray[np.generic] | PackedLabels


def pack_labels(labels: Labels) -> PackedLabels:
    """Packs multi-hot labels, some rows at a time; packed ones are returned as they are.

    Args:
        labels: (n, classes), any type; whatever is not zero is a label.

    Raises:
        ContractError: the labels are not two-dimensional.

    >>> pack_labels(np.array([[0, 1], [0, 0]])).octets.tolist()
    [[64], [0]]
    """
    if isinstance(labels, PackedLabels):
        return labels
    flags = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else labels
    if flags.ndim != 2:
        raise ContractError(f"labels have shape {flags.shape}", hint="give multi-hot labels, (n, classes)")
    octets = np.empty((len(flags), -(-flags.shape[1] // 8)), np.uint8)
    for start in range(0, len(flags), _ROWS):
        octets[start : start + _ROWS] = np.packbits(flags[start : start + _ROWS] != 0, axis=1)
    return PackedLabels(octets=octets, classes=flags.shape[1])
