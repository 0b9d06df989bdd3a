"""Weights on disk: safetensors only, read, compared with a network, and put into it."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from shlex import quote

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from robusthash.errors import CheckpointError

_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_CONVERT = (
    "import sys, torch, safetensors.torch as s; "
    "state = torch.load(sys.argv[1], weights_only=True, map_location='cpu'); "
    "s.save_file({k: v.contiguous().clone() for k, v in state.items()}, sys.argv[2])"
)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Reads a safetensors file, on the CPU.

    Raises:
        CheckpointError: there is no such file, it is a pickle (which is never opened), truncated, or of another format.
    """
    refuse_other_formats(path)
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise unreadable(path, error) from error
    return tensors


def refuse_other_formats(path: Path) -> None:
    """Fails unless a file may be safetensors: a pickle is told by its first bytes, and never opened.

    Raises:
        CheckpointError: as for :func:`load_tensors`.
    """
    if is_pickle(path):
        raise CheckpointError(
            f"{path} is a pickle, which can run code when it is opened, and is refused",
            hint=f'convert it once: python -c "{_CONVERT}" {quote(str(path))} '
            f"{quote(str(path.with_suffix('.safetensors')))}; if torch.load refuses it, save model.state_dict() again "
            "where the model was trained",
        )


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle by its first bytes, or by its ending where those are not safetensors' own.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise CheckpointError(
            f"cannot read checkpoint {path}: {error.strerror or error}", hint="name a .safetensors file"
        ) from error
    # A safetensors file is the length of its header in 8 bytes, then the header, which opens with a brace. Torch writes
    # a zip around a pickle (PK), or a pickle, which opens with 0x80 and the protocol.
    pickled = head[:4] == b"PK\x03\x04" or head[:1] == b"\x80" or path.suffix.lower() in _PICKLE_SUFFIXES
    return pickled and head[8:9] != b"{"


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that safetensors cannot read."""
    return CheckpointError(
        f"{path} is truncated or no safetensors file: {error}", hint="remove it; copy, download or train it again"
    )


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], where: str, *, optional: Iterable[str] = ()) -> None:
    """Puts tensors into a network, all of them or none.

    Args:
        module: the network; changed in place.
        tensors: its state by name.
        where: the file they came from, for the error.
        optional: prefixes of names that may be absent, or present and of another shape; such are left as they are.

    Raises:
        CheckpointError: the tensors belong to another network. The first few differences are named, and the code
            lengths if those differ.
    """
    prefixes = tuple(optional)
    own = module.state_dict()
    fitting = {
        name: tensor
        for name, tensor in tensors.items()
        if not (name.startswith(prefixes) and (name not in own or own[name].shape != tensor.shape))
    }
    # Files older than batch normalisation's step counter lack it, and nothing here reads it.
    missing = [
        name
        for name in own
        if name not in fitting and not name.startswith(prefixes) and not name.endswith("num_batches_tracked")
    ]
    unexpected = [name for name in fitting if name not in own]
    misshapen = [
        f"{name} {tuple(fitting[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in fitting and own[name].shape != fitting[name].shape
    ]
    differences = [
        f"{what}: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", misshapen))
        if names
    ]
    if differences:
        raise CheckpointError(
            f"{where} holds the weights of another network: {_bits(own, fitting)}{'; '.join(differences)}",
            hint="build the network with the backbone, options and bits that it was trained with",
        )
    state = OrderedDict(fitting)
    # The versions of the parts' layouts, which files do not keep; some of torchvision's parts refuse a state without.
    state._metadata = own._metadata  # type: ignore[attr-defined]
    module.load_state_dict(state, strict=False)


def _bits(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    layer = "hash_layer.weight"
    if layer in own and layer in found and len(own[layer]) != len(found[layer]):
        return f"{len(found[layer])} bits instead of {len(own[layer])}; "
    return ""


def plain_tensors(module: nn.Module) -> dict[str, Tensor]:
    """A network's state as contiguous copies on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in module.state_dict().items()}


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes, dtypes and bytes, in the order of the names.

    >>> a, b = torch.zeros(2), torch.ones(1)
    >>> tensors_digest({"a": a, "b": b}) == tensors_digest({"b": b, "a": a})
    True
    """
    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        sha.update(f"{name}|{tuple(tensor.shape)}|{tensor.dtype}|".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def weights_digest(module: nn.Module) -> str:
    """SHA-256 of a network's parameters and buffers, wherever they are."""
    return tensors_digest(module.state_dict())
