"""The space in which a model's outputs are compared: Hamming space for codes, a vector space for descriptors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robusthash.errors import ContractError
from robusthash.hashing import binarise, pack, unpack
from robusthash.specs import Distance


@dataclass(frozen=True, kw_only=True)
class Space:
    """What is stored of an item, and how it is compared.

    What is stored is its *representation*: packed codes, (n, ceil(bits / 8)) uint8, in Hamming space; descriptors,
    (n, d) float32, in a vector space.

    Attributes:
        distance: the distance between two items.
        size: number of bits in Hamming space, else number of dimensions.

    Raises:
        ContractError: ``size`` is less than 1.
    """

    distance: Distance
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ContractError(f"a {self.distance} space has size {self.size}", hint="at least 1 bit or dimension")

    @classmethod
    def hamming(cls, bits: int) -> "Space":
        """Hamming space of codes with ``bits`` bits."""
        return cls(distance=Distance.HAMMING, size=bits)

    @property
    def binary(self) -> bool:
        """Whether it is Hamming space: items are codes, not descriptors."""
        return self.distance is Distance.HAMMING

    def represent(self, outputs: Tensor) -> Tensor:
        """Representations of a model's outputs.

        Args:
            outputs: (n, size) float, logits or descriptors.

        Returns:
            Packed codes, (n, ceil(bits / 8)) uint8, or descriptors, (n, d) float32, on the same device.

        Raises:
            ContractError: an output is NaN or infinite, and has neither a sign nor a distance.
        """
        broken = int((~outputs.isfinite()).any(1).sum())
        if broken:
            raise ContractError(
                f"the model returned NaN or infinite outputs for {broken} of {len(outputs)} inputs",
                hint="check its weights, and its forward pass for divisions and logarithms",
            )
        return pack(binarise(outputs)) if self.binary else outputs.detach().to(torch.float32)

    def codes(self, representation: Tensor) -> Tensor:
        """Codes unpacked to (n, bits) int8 in {-1, +1}; descriptors unchanged."""
        return unpack(representation, self.size) if self.binary else representation

    @property
    def width(self) -> int:
        """Number of columns of a representation: bytes of a packed code, or dimensions.

        >>> Space.hamming(12).width
        2
        """
        return -(-self.size // 8) if self.binary else self.size

    @property
    def form(self) -> str:
        """Shape and dtype of representations, for messages."""
        if self.binary:
            return f"(n, {self.width}) uint8, packed by robusthash.hashing.pack"
        return f"(n, {self.width}) float32, without NaN or infinities"

    def problem(self, items: Tensor) -> str | None:
        """Why a tensor does not hold representations of this space; None if it does.

        >>> Space.hamming(4).problem(torch.tensor([[0b1100_0000]], dtype=torch.uint8))
        >>> Space.hamming(4).problem(torch.tensor([[0b1100_0001]], dtype=torch.uint8))
        'codes with set bits after bit 4, which would count as distance'
        """
        wanted = torch.uint8 if self.binary else torch.float32
        if items.dtype != wanted or items.ndim != 2 or items.shape[1] != self.width:
            kind = f"packed codes of {self.size} bits" if self.binary else f"descriptors of {self.size} dimensions"
            return f"{tuple(items.shape)} {str(items.dtype).removeprefix('torch.')}, not {kind}"
        if not self.binary:
            return None if bool(items.isfinite().all()) else "descriptors with NaN or infinities"
        padding = (1 << -self.size % 8) - 1
        if padding and bool((items[:, -1] & padding).any()):
            return f"codes with set bits after bit {self.size}, which would count as distance"
        return None

    def __str__(self) -> str:
        return f"{self.size} bit" if self.binary else f"{self.size} d, {self.distance}"
