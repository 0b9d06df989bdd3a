"""How a file's pixels are turned to stand upright, and back: the eight values of EXIF's Orientation."""

import numpy as np

__all__ = ["NORMAL", "TAG", "as_stored", "known_orientation", "upright"]

TAG = 0x0112  #: of Orientation, in EXIF and TIFF
NORMAL = 1  #: the value of pixels that stand upright

#: Of each value: whether rows and columns are exchanged, and which axes are then reversed, to stand upright.
_TURNS: dict[int, tuple[bool, tuple[int, ...]]] = {
    1: (False, ()),
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}


def known_orientation(value: object) -> int:
    """A value of the tag; whatever is none means upright, as for every viewer.

    >>> known_orientation(6), known_orientation(0), known_orientation("6")
    (6, 1, 1)
    """
    return value if isinstance(value, int) and value in _TURNS else NORMAL


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Stored pixels as a viewer shows them.

    Args:
        pixels: (h, w, ...), as the file has them.
        orientation: from 1 to 8.

    Returns:
        (h, w, ...), or (w, h, ...) for 5 to 8; a view of the same memory.

    >>> upright(np.array([[1, 2, 3], [4, 5, 6]]), 6)
    array([[4, 1],
           [5, 2],
           [6, 3]])
    """
    exchanged, reversed_axes = _TURNS[orientation]
    return np.flip(pixels.swapaxes(0, 1) if exchanged else pixels, reversed_axes)


def as_stored(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Upright pixels as a file with this orientation has them; the inverse of :func:`upright`.

    >>> turned = upright(np.arange(6).reshape(2, 3), 8)
    >>> as_stored(turned, 8)
    array([[0, 1, 2],
           [3, 4, 5]])
    """
    exchanged, reversed_axes = _TURNS[orientation]
    back = np.flip(pixels, reversed_axes)
    return back.swapaxes(0, 1) if exchanged else back
