"""Named tensors on disk: safetensors, written atomically; never a pickle."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from robusthash.files.header import refuse_other_formats, unreadable
from robusthash.files.storage import write_atomically

__all__ = ["load_tensors", "prefixed", "save_tensors", "tensors_digest", "under"]


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> None:
    """Writes tensors from any device; equal tensors and metadata give equal bytes.

    Args:
        path: of the file; an existing one is replaced.
        tensors: by name.
        metadata: texts by name, stored with the tensors.

    Raises:
        StorageError: the file cannot be written; an existing one is unchanged.
    """
    plain = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    write_atomically(path, safetensors.torch.save(plain, metadata=dict(metadata) if metadata else None))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Reads a safetensors file to the CPU.

    Raises:
        CheckpointError: the file is missing, truncated, a pickle (which is never opened), or in another format.
    """
    refuse_other_formats(path)
    try:
        tensors: dict[str, Tensor] = (
            safetensors.torch.load_file(path) if _is_text(path) else safetensors.torch.load(path.read_bytes())
        )
    except (safetensors.SafetensorError, OSError) as error:
        raise unreadable(path, error) from error
    return tensors


def _is_text(path: Path) -> bool:
    """Whether a path is UTF-8: safetensors opens no other, and reads the bytes of the whole file instead."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Prepends a prefix and a dot to each name.

    >>> list(prefixed("model", {"weight": torch.zeros(1)}))
    ['model.weight']
    """
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of :func:`prefixed`: the tensors with a prefix, which is removed."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes, dtypes and bytes; independent of the order of the tensors.

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
