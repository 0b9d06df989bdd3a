"""A fingerprint of everything in a model that an attack must not change."""

from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_ROW = 1024  #: weights that are summed as one row


@dataclass(frozen=True)
class Fingerprint:
    """What two looks at a model have in common if nobody has touched it meanwhile.

    Attributes:
        tensors: name of each parameter and buffer, and two sums over its raw bits.
        flags: whether each part is in training, and each parameter wants gradients.
        parts: each part itself, what its ``forward`` is, and the hooks on it.
    """

    tensors: tuple[tuple[str, int, int], ...]
    flags: tuple[bool, ...]
    parts: tuple[tuple[object, ...], ...]


def fingerprint(model: nn.Module) -> Fingerprint:
    """A fingerprint of the weights, buffers, flags, parts and hooks of a model, by which a change is noticed."""
    tensors = chain(model.named_parameters(), model.named_buffers())
    return Fingerprint(
        tensors=tuple((name, *_sums(tensor)) for name, tensor in tensors),
        flags=(*(part.training for part in model.modules()), *(one.requires_grad for one in model.parameters())),
        parts=tuple((name, id(part), *_behaviour(part)) for name, part in model.named_modules()),
    )


def _behaviour(part: nn.Module) -> tuple[int, ...]:
    """What a part runs when it is called, beside its weights."""
    hooks = [id(hook) for name in _HOOKS for hook in getattr(part, name).values()]
    own = [id(part.__dict__["forward"])] if "forward" in part.__dict__ else []
    return id(type(part).forward), *own, *hooks


def _sums(tensor: Tensor) -> tuple[int, int]:
    """The sum of the raw bits, and one in which places count, so that weights that were exchanged are noticed."""
    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    bits = tensor.detach().contiguous().view(whole).flatten()
    rows = bits[: len(bits) // _ROW * _ROW].view(-1, _ROW)
    # By rows first and then by columns: each is one pass without a copy, and no two places have both in common.
    by_column, by_row = rows.sum(0, dtype=torch.int64), rows.sum(1, dtype=torch.int64)
    rest = bits[len(rows) * _ROW :].to(torch.int64)
    return int(bits.sum(dtype=torch.int64)), int(_placed(by_column) + 3 * _placed(by_row) + 5 * _placed(rest))


def _placed(sums: Tensor) -> Tensor:
    return (sums * torch.arange(1, len(sums) + 1, device=sums.device)).sum()
