"""Files of what attacks have learnt: tensors, the code bank that they were learnt with, and the description."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from robusthash.checkpoints import FITTED_KEY
from robusthash.contracts import CodeBank, Space
from robusthash.errors import CheckpointError
from robusthash.evaluation.planning.fitting import Fitting, described, read_fitting
from robusthash.files.tensors import load_tensors, prefixed, save_tensors, tensors_digest, under

_LEARNT, _BANK = "learnt", "bank"
_AGAIN = "copy the file, or fit it again"


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedContent:
    """What is in a file, on the CPU.

    Attributes:
        fitting: how it was learnt.
        tensors: what was learnt, by name.
        bank: codes and labels of the train split, as the surrogate hashed it.
    """

    fitting: Fitting
    tensors: Mapping[str, Tensor]
    bank: CodeBank


def save_fitted(path: Path, tensors: Mapping[str, Tensor], bank: CodeBank, fitting: Fitting) -> Fitting:
    """Writes what was learnt, whole or not at all; the same content gives the same bytes.

    Args:
        path: of a ``.safetensors`` file; an existing one is replaced.
        tensors: what was learnt, by name.
        bank: codes and labels of the train split, as the surrogate hashes it.
        fitting: how it was learnt.

    Returns:
        The description as stored, with the digest of the content.

    Raises:
        StorageError: it cannot be written.
    """
    codes = _space(fitting).represent(bank.codes.float())
    content = {**prefixed(_LEARNT, tensors), **prefixed(_BANK, {"codes": codes, "labels": bank.labels})}
    stored = replace(fitting, digest=tensors_digest(content))
    save_tensors(path, content, metadata={FITTED_KEY: json.dumps(described(stored), sort_keys=True, allow_nan=False)})
    return stored


def load_fitted(path: Path) -> FittedContent:
    """Reads a file that :func:`save_fitted` wrote, and checks the tensors against the description.

    Raises:
        CheckpointError: the file is missing, a pickle, truncated, of another format, no fitted attack, or was changed.
    """
    fitting = read_fitting(path)
    content = load_tensors(path)
    found = tensors_digest(content)
    if found != fitting.digest:
        raise CheckpointError(
            f"what {path} holds is not what was learnt: its digest is {found[:12]}, "
            f"the description says {fitting.digest[:12]}",
            hint=_AGAIN,
        )
    tensors, bank = under(_LEARNT, content), under(_BANK, content)
    broken = [name for name, part in tensors.items() if not torch.isfinite(part).all()]
    if broken:
        raise CheckpointError(f"{path} has NaN or infinite values in {', '.join(broken)}", hint=_AGAIN)
    return FittedContent(fitting=fitting, tensors=tensors, bank=_checked(bank, fitting, path))


def _checked(bank: Mapping[str, Tensor], fitting: Fitting, path: Path) -> CodeBank:
    """The code bank, whose tensors have the types and shapes that the description demands.

    Raises:
        CheckpointError: they have not.
    """
    space, none = _space(fitting), torch.empty(0)
    codes, labels = bank.get("codes", none), bank.get("labels", none)
    width, dtype = (-(-space.size // 8), torch.uint8) if space.binary else (space.size, torch.float32)
    for name, part, kind, columns in (
        ("codes", codes, dtype, width),
        ("labels", labels, torch.uint8, len(fitting.classes) or labels.shape[-1]),
    ):
        if part.ndim != 2 or part.dtype != kind or part.shape[1] != columns or len(part) != len(codes):
            raise CheckpointError(
                f"{path} has {tuple(part.shape)} {part.dtype} as {name} of the train split, not (n, {columns}) {kind}",
                hint=_AGAIN,
            )
    if not torch.isfinite(codes).all() or bool((labels > 1).any()):
        raise CheckpointError(f"{path} has codes or labels of the train split out of range", hint=_AGAIN)
    return CodeBank(codes=space.codes(codes), labels=labels)


def _space(fitting: Fitting) -> Space:
    return Space(distance=fitting.surrogate.distance, size=fitting.surrogate.size)
