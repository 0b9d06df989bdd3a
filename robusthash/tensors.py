"""Named tensors on disk: safetensors, written atomically; never a pickle."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from robusthash.errors import CheckpointError, InputError
from robusthash.paths import require_file
from robusthash.storage import write_atomically

__all__ = ["load_tensors", "read_metadata", "refuse_other_formats", "save_tensors", "tensors_digest"]

_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_CONVERT = (
    "import sys, torch, safetensors.torch as s; "
    "state = torch.load(sys.argv[1], weights_only=True, map_location='cpu'); "
    "s.save_file({k: v.contiguous().clone() for k, v in state.items()}, sys.argv[2])"
)


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
        tensors: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error
    return tensors


def read_metadata(path: Path) -> dict[str, str]:
    """Reads the metadata of a safetensors file without its tensors; empty if there is none.

    Raises:
        CheckpointError: as for :func:`load_tensors`.
    """
    refuse_other_formats(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (safetensors.SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def refuse_other_formats(path: Path) -> None:
    """Refuses a pickle, which is recognised by its first bytes or its suffix and never opened.

    Raises:
        CheckpointError: the file is a pickle, or cannot be read.
    """
    if is_pickle(path):
        raise CheckpointError(
            f"{path} is a pickle, which can run code when it is opened, and is refused",
            hint=f'convert it once: python -c "{_CONVERT}" {quote(str(path))} '
            f"{quote(str(path.with_suffix('.safetensors')))}; if torch.load refuses it, save model.state_dict() again "
            "where the model was trained",
        )


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, by its first bytes, or by its suffix if it does not start like safetensors.

    Raises:
        CheckpointError: the file cannot be read.
    """
    try:
        with require_file(path, "checkpoint").open("rb") as file:
            head = file.read(16)
    except InputError as error:
        raise CheckpointError(error.message, hint="name a .safetensors file") from error
    except OSError as error:
        raise CheckpointError(
            f"cannot read checkpoint {path}: {error.strerror or error}", hint="name a .safetensors file"
        ) from error
    # A safetensors file starts with the length of its header in 8 bytes; the header starts with a brace.
    # Torch writes a zip archive of a pickle (PK), or a pickle, which starts with 0x80 and its protocol.
    pickled = head[:4] == b"PK\x03\x04" or head[:1] == b"\x80" or path.suffix.lower() in _PICKLE_SUFFIXES
    return pickled and head[8:9] != b"{"


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


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path} is truncated or not a safetensors file: {error}",
        hint="remove it; copy, download or train it again",
    )
