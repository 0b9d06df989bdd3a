"""Codes and labels as a user has them, made into those of the house; what is wrong is said once, by its name."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Space
from robusthash.errors import UsageError
from robusthash.hashing import pack

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenCodes:
    """Codes.

    Attributes:
        packed: (n, ceil(bits / 8)) uint8.
        bits: code length.
    """

    packed: Tensor
    bits: int


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenLabels:
    """Labels of queries and items, over the same columns.

    Attributes:
        queries: (q, columns) uint8.
        items: (n, columns) uint8.
        single: each has one class, whose number is written in binary: classes are the same where whole rows are.
    """

    queries: npt.NDArray[np.uint8]
    items: npt.NDArray[np.uint8]
    single: bool


def given_codes(value: Any, name: str, bits: int | None) -> GivenCodes:
    """Reads signs, bits or packed codes.

    Args:
        value: (n, bits) of -1 and +1, or of 0 and 1, or of booleans; or with ``bits``, (n, ceil(bits / 8)) bytes.
        name: of the argument, for messages.
        bits: code length, if the codes are packed.

    Raises:
        UsageError: it is none of these.

    >>> given_codes([[1, -1, 1]], "codes", None).packed
    tensor([[160]], dtype=torch.uint8)
    """
    array = _numbers(value, name, "(n, bits)", dimensions=(2,))
    if bits is not None:
        return _packed(array, name, bits)
    if not array.shape[1]:
        raise UsageError(f"{name} have no bits: {array.shape}", hint="give (n, bits)")
    one = array == 1
    if not ((one | (array == -1)).all() or (one | (array == 0)).all()):
        raise UsageError(
            f"{name} are neither signs nor bits, with the values {_some(array)}",
            hint="give -1 and +1, or 0 and 1; robusthash.hashing.binarise makes signs of logits, "
            "and packed codes need bits=",
        )
    return GivenCodes(packed=pack(torch.from_numpy(one)), bits=array.shape[1])


def given_labels(queries: Any, items: Any, n_queries: int, n_items: int) -> GivenLabels:
    """Reads multi-hot labels, or class ids.

    Args:
        queries: (q, classes) of 0 and 1, or (q,) whole numbers.
        items: the same of the items.
        n_queries: number of codes.
        n_items: likewise.

    Raises:
        UsageError: they are neither, do not fit each other, or do not fit the codes.
    """
    left = _labels(queries, "query_labels", n_queries)
    right = _labels(items, "item_labels", n_items)
    if left.ndim != right.ndim:
        raise UsageError(
            f"query_labels have shape {left.shape}, item_labels {right.shape}",
            hint="give multi-hot rows for both, or class ids for both",
        )
    if left.ndim == 1:
        number = np.unique(np.concatenate([left, right]), return_inverse=True)[1].reshape(-1) + 1
        columns = (number[:, None] >> np.arange(int(number.max()).bit_length()) & 1).astype(np.uint8)
        return GivenLabels(queries=columns[:n_queries], items=columns[n_queries:], single=True)
    if left.shape[1] != right.shape[1]:
        raise UsageError(
            f"query_labels have {left.shape[1]} classes, item_labels {right.shape[1]}",
            hint="both need the same classes in the same order",
        )
    return GivenLabels(queries=left.astype(np.uint8), items=right.astype(np.uint8), single=False)


def _packed(array: Array, name: str, bits: int) -> GivenCodes:
    if bits < 1:
        raise UsageError(f"bits is {bits}", hint="a code has at least one bit")
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise UsageError(
            f"{name} are not bytes, and bits is given", hint="bits= is for packed codes alone: leave it out"
        )
    packed = torch.from_numpy(array.astype(np.uint8))
    problem = Space.hamming(bits).problem(packed)
    if problem:
        raise UsageError(f"{name} are {problem}", hint=f"pass {Space.hamming(bits).form}")
    return GivenCodes(packed=packed, bits=bits)


def _labels(value: Any, name: str, count: int) -> Array:
    array = _numbers(value, name, "(n, classes) multi-hot, or (n,) class ids", dimensions=(1, 2))
    if len(array) != count:
        raise UsageError(f"{name} are {len(array)}, for {count} codes", hint="give one for each code, in their order")
    if array.ndim == 2 and not ((array == 0) | (array == 1)).all():
        raise UsageError(
            f"{name} of shape {array.shape} have values other than 0 and 1: {_some(array)}",
            hint="multi-hot rows are 0 and 1; class ids are one-dimensional, (n,)",
        )
    if array.ndim == 1 and (array.dtype.kind not in "iu" or array.min() < 0):
        raise UsageError(
            f"{name} of shape {array.shape} are no class ids", hint="give whole numbers from 0, or multi-hot rows"
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
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UsageError(f"{name} have NaN or infinities", hint=f"give {form}")
    return array


def _some(array: Array) -> str:
    """A few of an array's values."""
    values = np.unique(array)
    return ", ".join(f"{value:g}" for value in values[:4]) + (" ..." if len(values) > 4 else "")
