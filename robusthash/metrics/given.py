"""Codes and labels as a user has them, read some rows at a time; what is wrong is said once, by its name.

Nothing is copied whole: a memory map of a hundred million codes is checked, packed and counted in parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Space
from robusthash.errors import UsageError
from robusthash.files.mapping import release
from robusthash.metrics.counting.labels import Octets, PackedLabels, pack_labels

Array = npt.NDArray[Any]

PART = 1 << 20  #: rows that are read at once
_LARGEST = 2**63 - 1  #: class id


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenCodes:
    """Codes.

    Attributes:
        array: (n, bits) signs, bits or booleans, or (n, ceil(bits / 8)) bytes.
        bits: code length.
        packed: whether they are bytes.
    """

    array: Array
    bits: int
    packed: bool

    def __len__(self) -> int:
        return len(self.array)

    def part(self, rows: slice) -> Octets:
        """Some rows packed: (n, ceil(bits / 8)) uint8."""
        part = np.asarray(self.array[rows])
        return part.astype(np.uint8, copy=False) if self.packed else np.packbits(part == 1, axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenLabels:
    """Labels of queries or of items.

    Attributes:
        array: (n, classes) multi-hot, or (n,) class ids; or multi-hot rows that are packed already.
        width: bytes that the largest class id takes, of queries and items; 0 for multi-hot rows.
    """

    array: Array | PackedLabels
    width: int

    def __len__(self) -> int:
        return len(self.array)

    @property
    def single(self) -> bool:
        """Whether each has one class, whose id is written in binary: classes are the same where whole rows are."""
        return self.width > 0

    def repeated(self, times: int) -> "GivenLabels":
        """The same rows several times, one round after another; they are copied.

        Args:
            times: how often.
        """
        whole = self.part(slice(None))
        octets = np.tile(whole.octets, (times, 1))
        return GivenLabels(array=PackedLabels(octets=octets, classes=whole.classes), width=self.width)

    def part(self, rows: slice) -> PackedLabels:
        """Labels of some rows."""
        if isinstance(self.array, PackedLabels):
            return self.array[rows]
        if not self.width:
            return pack_labels(np.asarray(self.array[rows]))
        # One is added, because a row without bits is an item without labels.
        numbers = np.asarray(self.array[rows]).astype("<u8") + np.uint64(1)
        octets = numbers[:, None].view(np.uint8)[:, : self.width]
        return PackedLabels(octets=np.ascontiguousarray(octets), classes=8 * self.width)


def given_codes(value: Any, name: str, bits: int | None) -> GivenCodes:
    """Reads signs, bits or packed codes.

    Args:
        value: (n, bits) of -1 and +1, or of 0 and 1, or of booleans; or with ``bits``, (n, ceil(bits / 8)) bytes.
        name: of the argument, for messages.
        bits: code length, if the codes are packed.

    Raises:
        UsageError: it is none of these.

    >>> given_codes([[1, -1, 1]], "codes", None).part(slice(None)).tolist()
    [[160]]
    """
    array = _numbers(value, name, "(n, bits)", dimensions=(2,))
    if bits is not None:
        return _packed(array, name, bits)
    if not array.shape[1]:
        raise UsageError(f"{name} have no bits: {array.shape}", hint="give (n, bits)")
    zeros = signs = others = False
    for part in _parts(array):
        zeros, signs = zeros or bool((part == 0).any()), signs or bool((part == -1).any())
        others = others or not ((part == 1) | (part == 0) | (part == -1)).all()
        if others or (zeros and signs):
            raise UsageError(
                f"{name} are neither signs nor bits, with the values {_some(part)}",
                hint="give -1 and +1, or 0 and 1; robusthash.hashing.binarise makes signs of logits, "
                "and packed codes need bits=",
            )
    return GivenCodes(array=array, bits=array.shape[1], packed=False)


def given_labels(
    queries: Any,
    items: Any,
    n_queries: int,
    n_items: int,
    *,
    names: tuple[str, str] = ("query_labels", "item_labels"),
) -> tuple[GivenLabels, GivenLabels]:
    """Reads multi-hot labels, packed or not, or class ids.

    Args:
        queries: (q, classes) of 0 and 1, or the same packed, or (q,) whole numbers.
        items: the same of the items.
        n_queries: number of codes.
        n_items: likewise.
        names: of the two arguments, for messages.

    Raises:
        UsageError: they are neither, do not fit each other, or do not fit the codes.
    """
    left = _labels(queries, names[0], n_queries)
    right = _labels(items, names[1], n_items)
    if len(left.shape) != len(right.shape):
        raise UsageError(
            f"{names[0]} have shape {left.shape}, {names[1]} {right.shape}",
            hint="give multi-hot rows for both, or class ids for both",
        )
    if len(left.shape) == 2 and left.shape[1] != right.shape[1]:
        raise UsageError(
            f"{names[0]} have {left.shape[1]} classes, {names[1]} {right.shape[1]}",
            hint="both need the same classes in the same order",
        )
    width = 0
    if not isinstance(left, PackedLabels) and not isinstance(right, PackedLabels) and left.ndim == 1:
        largest = max(int(part.max()) for array in (left, right) for part in _parts(array))
        width = -(-(largest + 1).bit_length() // 8)
    return GivenLabels(array=left, width=width), GivenLabels(array=right, width=width)


def _packed(array: Array, name: str, bits: int) -> GivenCodes:
    if bits < 1:
        raise UsageError(f"bits is {bits}", hint="a code has at least one bit")
    if array.dtype.kind not in "iu" or (
        array.dtype != np.uint8 and any(part.min(initial=0) < 0 or part.max(initial=0) > 255 for part in _parts(array))
    ):
        raise UsageError(
            f"{name} are not bytes, and bits is given", hint="bits= is for packed codes alone: leave it out"
        )
    space = Space.hamming(bits)
    for part in _parts(array if bits % 8 else array[:1]):  # without padding, one row shows all that can be wrong
        problem = space.problem(torch.from_numpy(np.array(part, np.uint8)))
        if problem:
            raise UsageError(f"{name} are {problem}", hint=f"pass {space.form}")
    return GivenCodes(array=array, bits=bits, packed=True)


def _labels(value: Any, name: str, count: int) -> Array | PackedLabels:
    packed = isinstance(value, PackedLabels)
    array: Array | PackedLabels = (
        value if packed else _numbers(value, name, "(n, classes) multi-hot, or (n,) class ids", dimensions=(1, 2))
    )
    if len(array) != count:
        raise UsageError(f"{name} are {len(array)}, for {count} codes", hint="give one for each code, in their order")
    if isinstance(array, PackedLabels):
        return array
    for part in _parts(array):
        if array.ndim == 2 and not ((part == 0) | (part == 1)).all():
            raise UsageError(
                f"{name} of shape {array.shape} have values other than 0 and 1: {_some(part)}",
                hint="multi-hot rows are 0 and 1; class ids are one-dimensional, (n,)",
            )
        if array.ndim == 1 and (array.dtype.kind not in "iu" or part.min() < 0 or part.max() > _LARGEST):
            raise UsageError(
                f"{name} of shape {array.shape} are no class ids",
                hint="give whole numbers from 0 and below 2**63, or multi-hot rows",
            )
    return array


def _numbers(value: Any, name: str, form: str, *, dimensions: tuple[int, ...]) -> Array:
    """An array of finite numbers, at least one row."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
    try:
        array: Array = np.asarray(value)
    except ValueError:
        raise UsageError(f"{name} have rows of different lengths", hint=f"give {form}") from None
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{name} are {type(value).__name__} of {array.dtype}, not numbers", hint=f"give {form}")
    if array.ndim not in dimensions:
        raise UsageError(f"{name} have shape {array.shape}", hint=f"give {form}")
    if not len(array):
        raise UsageError(f"{name} are empty", hint="there is nothing to score without queries and items")
    if array.dtype.kind == "f" and not all(np.isfinite(part).all() for part in _parts(array)):
        raise UsageError(f"{name} have NaN or infinities", hint=f"give {form}")
    return array


def _parts(array: Array) -> Iterator[Array]:
    """An array some rows at a time; what was read of a file is let go before the next."""
    for start in range(0, len(array), PART):
        yield array[start : start + PART]
        release(array)


def _some(array: Array) -> str:
    """A few of an array's values."""
    values = np.unique(array)
    return ", ".join(f"{value:g}" for value in values[:4]) + (" ..." if len(values) > 4 else "")
