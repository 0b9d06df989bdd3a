"""Converts images, labels, anchors and ids, as callers have them, to what an attack is given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robusthash.api.arguments import told
from robusthash.contracts import CodeBank, HashModel, Inputs, Modality, Space
from robusthash.errors import UsageError
from robusthash.pixels import from_levels


class GivenInputs(Inputs):
    """Inputs in memory.

    Args:
        tensor: (n, ...) float32 on the CPU, in the modality's box and on its levels.
        modality: what they are.
    """

    def __init__(self, tensor: Tensor, modality: Modality) -> None:
        self.tensor = tensor
        self._modality = modality

    @property
    def modality(self) -> Modality:  # noqa: D102 - as in the base class
        return self._modality

    def __len__(self) -> int:
        return len(self.tensor)

    def inputs(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        return self.tensor[torch.as_tensor(indices)]


def given_inputs(value: object, modality: Modality) -> GivenInputs:
    """Inputs as a service receives them: in the box, rounded to its levels.

    Args:
        value: (n, ...) tensor or array: floats in the box, or levels as uint8.
        modality: what the model takes.

    Raises:
        UsageError: another type, shape or range, NaN or infinities, or none at all.
    """
    box = modality.box
    tensor = _tensor(value, "inputs", floats=True)
    if tuple(tensor.shape[1:]) != modality.shape or not len(tensor):
        wanted = f"(n, {', '.join(map(str, modality.shape))})"
        raise UsageError(f"inputs have shape {tuple(tensor.shape)}, and the model takes {wanted}", hint=_shape(tensor))
    if tensor.dtype == torch.uint8 and box.levels is not None:
        tensor = box.low + from_levels(tensor, levels=box.levels) * box.width
    if not tensor.is_floating_point():
        raise UsageError(f"inputs are {_kind(tensor)}", hint=f"pass floats in [{box.low:g}, {box.high:g}], or uint8")
    if not bool(tensor.isfinite().all()):
        raise UsageError("inputs contain NaN or infinities", hint="check how they are loaded")
    low, high = float(tensor.min()), float(tensor.max())
    if low < box.low or high > box.high:
        whole = "divide them by 255, or pass uint8" if low >= 0 and 2 < high <= 255 else "do not normalise them"
        raise UsageError(
            f"inputs range from {low:.4g} to {high:.4g}, outside [{box.low:g}, {box.high:g}]",
            hint=f"{whole}: normalisation is part of the model",
        )
    return GivenInputs(box.nearest(tensor.float()), modality)


def given_rows(value: object, count: int, what: str) -> Tensor | None:
    """Multi-hot labels, one row for each input; None if there are none.

    Raises:
        UsageError: another shape, or values other than 0 and 1.
    """
    if value is None:
        return None
    rows = _tensor(value, what, floats=True)
    if rows.ndim != 2 or len(rows) != count:
        raise UsageError(
            f"{what} have shape {tuple(rows.shape)}, for {count} inputs",
            hint="pass (n, classes) multi-hot rows; torch.nn.functional.one_hot makes them of class ids",
        )
    if not bool(((rows == 0) | (rows == 1)).all()):
        raise UsageError(f"{what} have values other than 0 and 1", hint="pass (n, classes) multi-hot rows")
    return rows.to(torch.uint8)


def given_anchors(value: object, count: int, space: Space) -> Tensor | None:
    """Codes of items with the target label, or descriptors; None if there are none.

    Raises:
        UsageError: another shape, or values other than -1, 0 and 1 in codes.
    """
    if value is None:
        return None
    anchors = _tensor(value, "anchors", floats=True)
    if anchors.ndim != 3 or (len(anchors), anchors.shape[2]) != (count, space.size):
        raise UsageError(
            f"anchors have shape {tuple(anchors.shape)}, for {count} inputs and {_size(space)}",
            hint=f"pass (n, voters, {space.size}) codes; robusthash.adversary.TargetSelector draws them",
        )
    if not space.binary:
        return anchors.float()
    if not bool((anchors.abs() <= 1).all()) or not bool((anchors == anchors.round()).all()):
        raise UsageError("anchors have values other than -1, 0 and +1", hint="pass codes, not logits")
    return anchors.to(torch.int8)


def given_bank(value: object, model: HashModel, device: torch.device) -> CodeBank | None:
    """A code bank on a device; None if there is none.

    Raises:
        UsageError: another type, or codes of another length.
    """
    if value is None:
        return None
    if not isinstance(value, CodeBank):
        raise UsageError(f"bank is {told(value)}", hint="pass robusthash.contracts.CodeBank(codes=..., labels=...)")
    codes, labels, size = tuple(value.codes.shape), tuple(value.labels.shape), model.space.size
    if codes[1:] != (size,) or codes[0] != labels[0]:
        raise UsageError(
            f"bank has codes {codes} and labels {labels}, for a model of {_size(model.space)}",
            hint="pass one code of the model and one row of labels for each training item",
        )
    return CodeBank(codes=value.codes.to(device), labels=value.labels.to(device))


def given_ids(value: object, count: int) -> Tensor:
    """(n,) int64 ids; by default 0, 1, 2, ...

    Raises:
        UsageError: another shape or type.
    """
    if value is None:
        return torch.arange(count)
    ids = _tensor(value, "ids")
    if ids.shape != (count,):
        raise UsageError(f"ids have shape {tuple(ids.shape)}, for {count} inputs", hint="pass one integer an input")
    return ids.long()


def _tensor(value: Any, what: str, *, floats: bool = False) -> Tensor:
    """A tensor on the CPU, of integers unless floats are allowed too."""
    if isinstance(value, Tensor):
        found = value.detach().cpu()
    else:
        try:
            array = np.ascontiguousarray(value)  # torch takes no negative strides
            found = torch.from_numpy(array if array.dtype.kind != "f" else array.astype(np.float32))
        except (TypeError, ValueError):
            raise UsageError(f"{what} are {told(value)}", hint="pass a tensor or an array") from None
    if found.is_floating_point() and not floats:
        raise UsageError(f"{what} are {_kind(found)}", hint="pass integers")
    return found


def _shape(tensor: Tensor) -> str:
    if not len(tensor):
        return "pass at least one input"
    if tensor.ndim == 3:
        return "add a batch dimension: inputs[None]"
    if tensor.ndim == 4 and tensor.shape[3] == 3:
        return "channels come first: inputs.transpose(0, 3, 1, 2) of an array, inputs.permute(0, 3, 1, 2) of a tensor"
    return "resize them to what the model takes; channels come first"


def _size(space: Space) -> str:
    return f"{space.size} {'bits' if space.binary else 'dimensions'}"


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
