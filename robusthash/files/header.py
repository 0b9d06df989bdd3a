"""The header of a safetensors file: what it holds, without its tensors. A pickle is refused unopened."""

import os
import struct
from pathlib import Path
from shlex import quote
from typing import Annotated, BinaryIO

from msgspec import Meta, Raw, Struct

from robusthash.errors import CheckpointError
from robusthash.files.documents import parse_json
from robusthash.files.opening import open_file

_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt")
#: Keeps the tensors of a state dict, wherever it is nested: of several, such as a model and its average, the first of
#: the largest. The moments of an optimiser are under numbers, and are not looked at.
_CONVERT = (
    "import sys, torch, safetensors.torch as s; "
    "found = [('the file', torch.load(sys.argv[1], weights_only=True, map_location='cpu'))]; "
    "[found.extend((k, v) for k, v in d.items() if isinstance(k, str) and isinstance(v, dict)) for _, d in found]; "
    "name, state = max(found, key=lambda one: sum(map(torch.is_tensor, one[1].values()))); "
    "kept = {k.removeprefix('module.'): v.detach().contiguous().clone() "
    "for k, v in state.items() if torch.is_tensor(v)}; "
    "s.save_file(kept, sys.argv[2]); print(len(kept), 'tensors of', name)"
)
_LENGTH = struct.Struct("<Q")  #: a file starts with the length of its header
_LONGEST = 100_000_000  #: bytes of a header, as safetensors limits it
_METADATA = "__metadata__"

_Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class _Entry(Struct):
    dtype: str
    shape: list[_Whole]
    data_offsets: tuple[_Whole, _Whole]


def read_metadata(path: Path) -> dict[str, str]:
    """Reads the metadata of a safetensors file without its tensors; empty if there is none.

    Raises:
        CheckpointError: the file is missing, truncated, a pickle (which is never opened), or in another format.
    """
    refuse_other_formats(path)
    try:
        with open_file(path) as file:
            return _metadata(file)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _metadata(file: BinaryIO) -> dict[str, str]:
    """The metadata of an open file, whose header must fit its size.

    Raises:
        ValueError: it does not, or is not a header.
    """
    size, start = os.fstat(file.fileno()).st_size, file.read(_LENGTH.size)
    if len(start) < _LENGTH.size:
        raise ValueError(f"it has {size} bytes")
    (length,) = _LENGTH.unpack(start)
    if length > min(_LONGEST, size - _LENGTH.size):
        raise ValueError(f"its header is said to have {length} bytes, and the file has {size}")
    parts = parse_json(file.read(length), dict[str, Raw])
    metadata = parse_json(bytes(parts.pop(_METADATA, Raw(b"{}"))), dict[str, str])
    ends = [parse_json(bytes(part), _Entry).data_offsets[1] for part in parts.values()]
    expected = _LENGTH.size + length + max(ends, default=0)
    if expected != size:
        raise ValueError(f"its header tells of {expected} bytes, and it has {size}")
    return metadata


def refuse_other_formats(path: Path) -> None:
    """Refuses a pickle, which is recognised by its first bytes or its suffix and never opened.

    Raises:
        CheckpointError: the file is a pickle, or cannot be read.
    """
    if is_pickle(path):
        converted = path.with_suffix(".safetensors")
        raise CheckpointError(
            f"{path} is a pickle, which can run code when it is opened, and is refused",
            hint=f'convert it once: python -c "{_CONVERT}" {quote(str(path))} {quote(str(converted))}; if torch.load '
            "refuses it, save model.state_dict() again where the model was trained",
        )


def is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, by its first bytes, or by its suffix if it does not start like safetensors.

    Raises:
        CheckpointError: the file cannot be read.
    """
    try:
        with open_file(path) as file:
            head = file.read(16)
    except OSError as error:
        raise CheckpointError(
            f"cannot read checkpoint {path}: {error.strerror or error}", hint="name a .safetensors file"
        ) from error
    # A safetensors file starts with the length of its header in 8 bytes; the header starts with a brace.
    # Torch writes a zip archive of a pickle (PK), or a pickle, which starts with 0x80 and its protocol.
    pickled = head[:4] == b"PK\x03\x04" or head[:1] == b"\x80" or path.suffix.lower() in _PICKLE_SUFFIXES
    return pickled and head[8:9] != b"{"


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """The error of a file that cannot be read."""
    return CheckpointError(
        f"{path} is truncated or not a safetensors file: {error}",
        hint="remove it; copy, download or train it again",
    )
