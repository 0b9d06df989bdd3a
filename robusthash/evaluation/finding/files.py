"""Hashed items in files: safetensors, which can be searched; codes in CSV and JSON lines, for other programs."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import IMAGE
from robusthash.errors import CheckpointError, InputError, OptionError
from robusthash.evaluation.finding.hashed import Hashed, Maker, Source
from robusthash.files.documents import parse_json
from robusthash.files.header import read_metadata
from robusthash.files.paths import as_text, read_path
from robusthash.files.storage import write_atomically
from robusthash.files.tensors import load_tensors, save_tensors
from robusthash.limits import LARGEST_SIDE
from robusthash.results.rendering.escaping import for_csv

KEY = "robusthash-hashed"  #: of the description, in the metadata of a file
_FORMAT = 1
_ITEMS, _LABELS, _NAMES = "items", "labels", "names"  #: the tensors of a file
_HINT = "hash the items again: robusthash hash --output FILE"


@dataclass(frozen=True, kw_only=True)
class _About:
    """The description in a file.

    Attributes:
        format: version of the file.
        made: what made the items.
        source: where the items are.
        classes: label names.
        skipped: items that could not be read, with the reasons.
    """

    format: int
    made: Maker
    source: Source
    classes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def write_hashed(hashed: Hashed, path: str | PathLike[str]) -> None:
    """Writes hashed items, in the format that the suffix of the name says.

    Args:
        hashed: the items.
        path: of the file; an existing one is replaced.

    Raises:
        OptionError: the suffix is none of ``.safetensors``, ``.csv`` and ``.jsonl``.
        StorageError: the file cannot be written; an existing one is unchanged.
    """
    file = read_path(path, "the output")
    writer(file)(hashed, file)


def writer(path: Path) -> Callable[[Hashed, Path], None]:
    """What writes a file of this name.

    Raises:
        OptionError: the suffix is unknown.
    """
    found = _WRITERS.get(path.suffix.lower())
    if found is None:
        raise OptionError(
            f"{path}: the suffix {path.suffix!r} is of no known format",
            hint=f"end the name in {', '.join(_WRITERS)}; only the first can be searched",
        )
    return found


def is_hashed(path: Path) -> bool:
    """Whether a safetensors file holds hashed items.

    Raises:
        CheckpointError: it is missing, a pickle, truncated, or of another format.
    """
    return KEY in read_metadata(path)


def read_hashed(path: str | PathLike[str]) -> Hashed:
    """Reads hashed items from a safetensors file.

    Raises:
        InputError: it cannot be read, is no such file, or its parts do not fit one another.
    """
    file = read_path(path, "the hashed items")
    try:
        if not is_hashed(file):
            raise InputError(f"{file} does not hold hashed items", hint=_HINT)
        about = parse_json(read_metadata(file)[KEY], _About)
        hashed = _read(about, load_tensors(file))
    except CheckpointError as error:
        raise InputError(error.message.replace("checkpoint ", ""), hint=_HINT) from error
    except ValueError as error:
        raise InputError(f"{file} is damaged, or not of this version: {error}", hint=_HINT) from error
    return hashed


def _read(about: _About, tensors: dict[str, Tensor]) -> Hashed:
    """What a file holds.

    Raises:
        ValueError: a part is missing, or does not fit the others.
    """
    if about.format != _FORMAT:
        raise ValueError(f"its format is {about.format}, not {_FORMAT}")
    if about.made.size < 1:
        raise ValueError(f"its items have size {about.made.size}")
    side = about.made.shape[-1] if about.made.shape else 0
    if about.made.modality == IMAGE and (about.made.shape != (3, side, side) or not 1 <= side <= LARGEST_SIDE):
        raise ValueError(f"its images are {about.made.shape}")
    missing = sorted({_ITEMS, _NAMES} - tensors.keys())
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}")
    items, labels = tensors[_ITEMS], tensors.get(_LABELS)
    if problem := about.made.space.problem(items):
        raise ValueError(f"its items are {problem}")
    names = tuple(parse_json(tensors[_NAMES].numpy().tobytes(), list[str]))
    if len(names) != len(items) or not names:
        raise ValueError(f"it has {len(items)} items and {len(names)} names")
    wanted = (len(items), len(about.classes))
    if labels is not None and (labels.dtype != torch.uint8 or labels.shape != wanted or bool((labels > 1).any())):
        raise ValueError(f"its labels are {tuple(labels.shape)} {labels.dtype}, not {wanted} of zeros and ones")
    return Hashed(
        made=about.made,
        representation=items,
        names=names,
        source=about.source,
        classes=about.classes,
        labels=labels,
        skipped=about.skipped,
    )


def _write_tensors(hashed: Hashed, path: Path) -> None:
    names = json.dumps([as_text(name) for name in hashed.names]).encode()
    tensors = {_ITEMS: hashed.representation, _NAMES: torch.from_numpy(np.frombuffer(names, dtype=np.uint8).copy())}
    if hashed.labels is not None:
        tensors[_LABELS] = hashed.labels
    about = {
        "format": _FORMAT,
        "made": asdict(hashed.made),
        "source": asdict(hashed.source),
        "classes": list(hashed.classes),
        "skipped": [[as_text(name), as_text(reason)] for name, reason in hashed.skipped],
    }
    save_tensors(path, tensors, metadata={KEY: json.dumps(about)})


def _write_csv(hashed: Hashed, path: Path) -> None:
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    values = ["code"] if hashed.made.space.binary else [f"d{place}" for place in range(hashed.made.size)]
    lines.writerow(["name", "labels", *values])
    for item, written in enumerate(_written(hashed)):
        cells = [written] if isinstance(written, str) else [repr(value) for value in written]
        lines.writerow([for_csv(as_text(hashed.names[item])), for_csv(";".join(hashed.labels_of(item))), *cells])
    write_atomically(path, buffer.getvalue().encode())


def _write_lines(hashed: Hashed, path: Path) -> None:
    key = "code" if hashed.made.space.binary else "descriptor"
    lines = (
        {"name": as_text(hashed.names[item]), "labels": list(hashed.labels_of(item)), key: written}
        for item, written in enumerate(_written(hashed))
    )
    write_atomically(path, "".join(f"{json.dumps(line)}\n" for line in lines).encode())


def _written(hashed: Hashed) -> Iterator[str | list[float]]:
    """Each item as text: a packed code in hexadecimal, or a descriptor as numbers."""
    for row in hashed.representation.numpy():
        yield row.tobytes().hex() if hashed.made.space.binary else row.tolist()


#: By the suffix of the file's name.
_WRITERS: dict[str, Callable[[Hashed, Path], None]] = {
    ".safetensors": _write_tensors,
    ".csv": _write_csv,
    ".jsonl": _write_lines,
}
