"""What runs leave in a folder, in a form that is equal for equal results, and what should not be left there."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

_TIMES = ("created", "seconds")  #: what differs between two runs, in records and manifests
_OWN = ("contents.sqlite",)  #: remembers files by their inodes

Contents = Mapping[str, str]  #: digests by path


def contents(folder: Path) -> dict[str, str]:
    """All files below a folder: records without times, tensors without what is said of them, other files by bytes."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(_OWN))
    return {str(path.relative_to(folder)): hashlib.sha256(_comparable(path)).hexdigest() for path in sorted(files)}


def differences(found: Contents, expected: Contents, *, some: bool = False) -> Iterator[str]:
    """What is lost, left over or different.

    Args:
        found: after the runs.
        expected: of undisturbed ones.
        some: whether not all that is expected needs to be there.
    """
    if not some:
        yield from (f"lost: {path}" for path in expected.keys() - found.keys())
    yield from (f"left over: {path}" for path in found.keys() - expected.keys())
    yield from (f"different: {path}" for path in found.keys() & expected.keys() if found[path] != expected[path])


def empty_folders(folder: Path) -> Iterator[str]:
    """Folders with nothing in them."""
    for path in folder.rglob("*"):
        if path.is_dir() and not any(path.iterdir()):
            yield f"left over: {path.relative_to(folder)}/"


def _comparable(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".json":
        return json.dumps(_timeless(json.loads(content)), sort_keys=True).encode()
    if path.suffix == ".npz" and ".shards" in path.parts:
        with np.load(io.BytesIO(content)) as arrays:
            parts = [name.encode() + arrays[name].tobytes() for name in sorted(arrays) if name not in _TIMES]
        return b"".join(parts)
    if path.suffix == ".safetensors":
        start = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:start])
        header.pop("__metadata__", None)  # how long the training took
        return json.dumps(header, sort_keys=True).encode() + content[start:]
    return content


def _timeless(content: object) -> object:
    if isinstance(content, dict):
        return {name: _timeless(one) for name, one in content.items() if name not in _TIMES}
    return [_timeless(one) for one in content] if isinstance(content, list) else content
