"""What goes into a model: the shape of an input, the box it lives in, and the levels it is delivered in."""

from dataclasses import dataclass

from robusthash.errors import ContractError

IMAGE = "image"
TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Modality:
    """Shape, box and levels of a model's inputs.

    A threat takes its projection, its random starts and its delivery from here, so that attacks serve images, bags of
    words and continuous features alike.

    Attributes:
        name: ``image`` or ``text``.
        shape: one input's shape, without the batch: (3, h, w) or (d,).
        low: lower end of the box.
        high: upper end of the box.
        levels: steps from ``low`` to ``high`` that an input is delivered in: 255 for an 8-bit image, 1 for tags that are
            present or absent; None for continuous features.

    Raises:
        ContractError: the box is empty, or there are no levels.
    """

    name: str
    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    levels: int | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ContractError(f"modality {self.name!r} has the box [{self.low}, {self.high}]", hint="low < high")
        if self.levels is not None and self.levels < 1:
            raise ContractError(f"modality {self.name!r} has {self.levels} levels", hint="at least 1, or None")

    @classmethod
    def image(cls, height: int, width: int | None = None) -> "Modality":
        """RGB images in [0, 1], delivered in 8 bits; square unless a width is given."""
        return cls(name=IMAGE, shape=(3, height, width or height), levels=255)

    @classmethod
    def text(cls, width: int, *, low: float = 0.0, high: float = 1.0, levels: int | None = None) -> "Modality":
        """Text features of one dimension, such as a bag of words; continuous unless levels are given."""
        return cls(name=TEXT, shape=(width,), low=low, high=high, levels=levels)
