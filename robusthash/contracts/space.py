"""Where a model's outputs are searched: Hamming space for codes, a vector space for continuous descriptors."""

from dataclasses import dataclass

from robusthash.errors import ContractError
from robusthash.specs import Distance


@dataclass(frozen=True, kw_only=True)
class Space:
    """What is stored of an item, and how it is compared.

    What is stored is a *representation*: packed codes, (n, ceil(bits / 8)) uint8, in Hamming space; descriptors,
    (n, size) float32, in a vector space.

    Attributes:
        distance: how far apart two items are.
        size: code length in Hamming space, else the dimension of the descriptors.
    """

    distance: Distance
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ContractError(f"a {self.distance} space of size {self.size}", hint="at least 1 bit or dimension")

    @classmethod
    def hamming(cls, bits: int) -> "Space":
        """The space of codes of so many bits."""
        return cls(distance=Distance.HAMMING, size=bits)

    @property
    def binary(self) -> bool:
        """Whether it holds codes."""
        return self.distance is Distance.HAMMING

    def __str__(self) -> str:
        return f"{self.size} bit" if self.binary else f"{self.size} d, {self.distance}"
