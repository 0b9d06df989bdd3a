"""What happens to a photograph after it was delivered, which its protection must survive."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robusthash.photographs import recompress

_LEFT = 0.9  #: share of each side that a crop leaves
QUALITIES = (80, 75)  #: of JPEG, as services store photographs


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a service does to a photograph.

    Attributes:
        name: for people.
        apply: from upright pixels, (h, w, 3) uint8, to others.
    """

    name: str
    apply: Callable[[np.ndarray], np.ndarray]


def changes() -> tuple[Change, ...]:
    """The changes that photographs are judged after, beside none."""

    def jpeg(quality: int) -> Change:
        return Change(name=f"JPEG {quality}", apply=lambda pixels: recompress(pixels, quality))

    return (*map(jpeg, QUALITIES), Change(name=f"{_LEFT:.0%} crop", apply=centre))


def centre(pixels: np.ndarray) -> np.ndarray:
    """The middle of a picture: nine tenths of each side.

    >>> centre(np.zeros((20, 40, 3), dtype=np.uint8)).shape
    (18, 36, 3)
    """
    height, width = (max(round(length * _LEFT), 1) for length in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]
