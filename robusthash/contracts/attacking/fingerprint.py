"""A fingerprint of everything in a model that an attack must not change."""

from itertools import chain

import torch
from torch import Tensor, nn

Fingerprint = tuple[tuple[tuple[str, int], ...], tuple[bool, ...]]


def fingerprint(model: nn.Module) -> Fingerprint:
    """Sums of the raw bits of each parameter and buffer, which change with any single element, and all flags.

    Flags are ``training`` of every submodule and ``requires_grad`` of every parameter.
    """
    tensors = chain(model.named_parameters(), model.named_buffers())
    state = tuple((name, _bits(tensor)) for name, tensor in tensors)
    flags = [part.training for part in model.modules()] + [p.requires_grad for p in model.parameters()]
    return state, tuple(flags)


def _bits(tensor: Tensor) -> int:
    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    return int(tensor.detach().contiguous().view(whole).sum(dtype=torch.int64))
