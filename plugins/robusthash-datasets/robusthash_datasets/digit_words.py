"""Texts for the handwritten digits, made from their labels and their strokes by a fixed rule."""

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Randomness

_SIDE = 8  #: of an original digit, in pixels
_INK = 16  #: its darkest level
_CELLS = 4  #: the digit is divided into so many rows and columns of cells
_DARK, _BLANK = 0.55, 0.08  #: share of ink above which a cell is dark, and below which it is blank
_STEEP = 3.0  #: least mean gradient of a quarter with a stroke, in levels
_HOLE = 0.35  #: share of the ink below which a pixel is background, for counting holes
_MIRRORED = 0.6  #: least correlation with its mirror image of a digit that is symmetric
_THICK = (0.28, 0.33)  #: shares of ink above which a digit is of medium weight, and thick
_LABEL, _DROP, _RANDOM = 0.7, 0.15, 2.0  #: chance of a label's word, of losing any word, and mean number of random ones

_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_KIN = {
    "even": (0, 2, 4, 6, 8),
    "odd": (1, 3, 5, 7, 9),
    "low": (0, 1, 2, 3, 4),
    "high": (5, 6, 7, 8, 9),
    "prime": (2, 3, 5, 7),
    "square": (0, 1, 4, 9),
    "round": (0, 3, 6, 8, 9),
    "angular": (1, 4, 7),
    "looped": (0, 6, 8, 9),
}
_QUARTERS = ("upper-left", "upper-right", "lower-left", "lower-right")
_STROKES = ("flat", "falling", "upright", "rising")
_HOLES = ("hole-free", "holed", "twice-holed", "hole-above", "hole-below")
_WEIGHTS = ("thin", "medium", "thick")
_SYMMETRIES = ("mirrored-across", "mirrored-down", "turned-alike", "lopsided")
_FILLERS = (
    "a",
    "an",
    "and",
    "drawn",
    "figure",
    "hand",
    "image",
    "in",
    "ink",
    "of",
    "on",
    "paper",
    "pen",
    "picture",
    "the",
    "this",
    "with",
)
_GRID = tuple(f"{row}{column}" for row in "abcd" for column in "1234")

#: The 96 words, in the order of the elements of a text.
VOCABULARY = (
    *_NAMES,
    *_KIN,
    *(f"dark-{cell}" for cell in _GRID),
    *(f"blank-{cell}" for cell in _GRID),
    *(f"{stroke}-{quarter}" for quarter in _QUARTERS for stroke in _STROKES),
    *_HOLES,
    *_WEIGHTS,
    *_SYMMETRIES,
    *_FILLERS,
)


def digit_words(images: np.ndarray, labels: np.ndarray) -> Tensor:
    """Bags of words of digits, a pure function of them and of their places.

    The words of an item's strokes are those of its own ink. Of its label, the number's name and each of its kin are
    kept with a chance of .7. Every word is then lost with a chance of .15, and every word of the vocabulary is added
    with a chance of 2/96.

    Args:
        images: (n, 8, 8) float from 0 to 16, in the order of the original file.
        labels: (n,) the digit of each.

    Returns:
        (n, 96) float32 in {0, 1}, by :data:`VOCABULARY`.
    """
    named = np.stack([labels == number for number in range(len(_NAMES))], axis=1)
    kin = np.stack([np.isin(labels, members) for members in _KIN.values()], axis=1)
    of_label = np.concatenate([named, kin], axis=1)
    rows = torch.arange(len(labels))
    draws = Randomness(seed=0, purpose="words of the digits").uniform(rows, (3, len(VOCABULARY))).numpy()
    kept, lost, added = (draws[:, use] for use in range(3))
    fillers = np.zeros((len(labels), len(_FILLERS)), dtype=bool)
    texts = np.concatenate([of_label & (kept[:, : of_label.shape[1]] < _LABEL), stroke_words(images), fillers], axis=1)
    texts = (texts & (lost >= _DROP)) | (added < _RANDOM / len(VOCABULARY))
    return torch.from_numpy(texts.astype(np.float32))


def stroke_words(images: np.ndarray) -> np.ndarray:
    """The words of digits' ink: dark and blank cells, strokes by quarter, holes, weight and symmetry.

    Args:
        images: (n, 8, 8) float from 0 to 16.

    Returns:
        (n, 60) bool, by the words of :data:`VOCABULARY` from ``dark-a1`` to ``lopsided``.
    """
    step = _SIDE // _CELLS
    shares = images.reshape(-1, _CELLS, step, _CELLS, step).mean((2, 4)).reshape(len(images), -1) / _INK
    weight = np.digitize(images.mean((1, 2)) / _INK, _THICK)
    return np.concatenate(
        [
            shares > _DARK,
            shares < _BLANK,
            _strokes(images),
            _holes(images > _HOLE * _INK),
            weight[:, None] == np.arange(len(_WEIGHTS)),
            _symmetries(images),
        ],
        axis=1,
    )


def _strokes(images: np.ndarray) -> np.ndarray:
    """(n, 16) bool: the main direction of the strokes in each quarter that has some."""
    down, across = np.gradient(images, axis=(1, 2))
    half = _SIDE // 2
    parts = []
    for number in range(len(_QUARTERS)):
        rows = slice(half * (number // 2), half * (number // 2 + 1))
        columns = slice(half * (number % 2), half * (number % 2 + 1))
        y, x = down[:, rows, columns], across[:, rows, columns]
        # A stroke is at a right angle to its gradient: the structure tensor gives the gradient's direction.
        twice = np.arctan2(2 * (x * y).sum((1, 2)), (x * x - y * y).sum((1, 2)))
        direction = np.rint(twice / (np.pi / 2) + 2).astype(int) % len(_STROKES)
        steep = np.hypot(y, x).mean((1, 2)) > _STEEP
        parts.append((direction[:, None] == np.arange(len(_STROKES))) & steep[:, None])
    return np.concatenate(parts, axis=1)


def _holes(ink: np.ndarray) -> np.ndarray:
    """(n, 5) bool: how many holes there are, and where they are."""
    free = np.pad(~ink, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    region = np.where(free, np.arange(free[0].size).reshape(free.shape[1:]) + 1, 0)
    while True:  # the largest number of its pixels spreads through each region of free ones
        spread = np.pad(region, ((0, 0), (1, 1), (1, 1)))
        sides = (spread[:, :-2, 1:-1], spread[:, 2:, 1:-1], spread[:, 1:-1, :-2], spread[:, 1:-1, 2:])
        grown = np.where(free, np.maximum.reduce([region, *sides]), 0)
        if (grown == region).all():
            break
        region = grown
    inside = np.where(region == region[:, :1, :1], 0, region)  # the corner is around the digit
    found = np.zeros((len(ink), len(_HOLES)), dtype=bool)
    for row, numbers in enumerate(inside):
        holes = np.unique(numbers[numbers > 0])
        middles = [np.nonzero(numbers == hole)[0].mean() for hole in holes]
        found[row, min(len(holes), 2)] = True
        found[row, 3] = any(middle < numbers.shape[0] / 2 for middle in middles)
        found[row, 4] = any(middle >= numbers.shape[0] / 2 for middle in middles)
    return found


def _symmetries(images: np.ndarray) -> np.ndarray:
    """(n, 4) bool: which mirror images a digit is like, or that it is like none."""
    mirrors = (images[:, :, ::-1], images[:, ::-1], images[:, ::-1, ::-1])
    plain = _standardised(images)
    alike = np.stack([(plain * _standardised(mirror)).mean(1) > _MIRRORED for mirror in mirrors], axis=1)
    return np.concatenate([alike, ~alike.any(1, keepdims=True)], axis=1)


def _standardised(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1)
    found: np.ndarray = (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)
    return found
