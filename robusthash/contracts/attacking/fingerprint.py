"""A fingerprint of everything in a model that an attack must not change."""

from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_ROW = 1024  #: number of weights that are summed as one row


@dataclass(frozen=True)
class Fingerprint:
    """The state of a model; two fingerprints are equal if the model has not been changed in between.

    Attributes:
        tensors: name of each parameter and buffer, and two sums over its raw bits.
        flags: ``training`` of each submodule, and ``requires_grad`` of each parameter.
        parts: name and identity of each submodule, of its ``forward``, and of its hooks.
    """

    tensors: tuple[tuple[str, int, int], ...]
    flags: tuple[bool, ...]
    parts: tuple[tuple[object, ...], ...]


def fingerprint(model: nn.Module) -> Fingerprint:
    """The fingerprint of a model: its weights, buffers, flags, submodules and hooks."""
    tensors = chain(model.named_parameters(), model.named_buffers())
    return Fingerprint(
        tensors=tuple((name, *_sums(tensor)) for name, tensor in tensors),
        flags=(*(part.training for part in model.modules()), *(one.requires_grad for one in model.parameters())),
        parts=tuple((name, id(part), *_behaviour(part)) for name, part in model.named_modules()),
    )


def _behaviour(part: nn.Module) -> tuple[int, ...]:
    """Identities of what a submodule runs when it is called: its ``forward`` and its hooks."""
    hooks = [id(hook) for name in _HOOKS for hook in getattr(part, name).values()]
    own = [id(part.__dict__["forward"])] if "forward" in part.__dict__ else []
    return id(type(part).forward), *own, *hooks


def _sums(tensor: Tensor) -> tuple[int, int]:
    """The sum of the raw bits, and a sum weighted by position, which changes if weights are swapped."""
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    elif tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    bits = tensor.detach().contiguous().view(whole).flatten()
    rows = bits[: len(bits) // _ROW * _ROW].view(-1, _ROW)
    # By columns and by rows: each is one pass without a copy, and no two positions share both.
    by_column, by_row = rows.sum(0, dtype=torch.int64), rows.sum(1, dtype=torch.int64)
    rest = bits[len(rows) * _ROW :].to(torch.int64)
    return int(bits.sum(dtype=torch.int64)), int(_placed(by_column) + 3 * _placed(by_row) + 5 * _placed(rest))


def _placed(sums: Tensor) -> Tensor:
    return (sums * torch.arange(1, len(sums) + 1, device=sums.device)).sum()
