"""A trained model on disk: its weights, and a description of how it was made."""

import json
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from robusthash.checkpoints import KEY, Description, is_checkpoint, read_description
from robusthash.errors import CheckpointError
from robusthash.files.tensors import load_tensors, save_tensors, tensors_digest

__all__ = ["Description", "is_checkpoint", "load_checkpoint", "read_description", "save_checkpoint"]


def save_checkpoint(path: Path, model: nn.Module, description: Description) -> Description:
    """Writes a model, whole or not at all; the same model and description give the same bytes.

    Args:
        path: of a ``.safetensors`` file; an existing one is replaced.
        model: the network.
        description: how it was made.

    Returns:
        The description as stored, with the weights' digest.

    Raises:
        StorageError: it cannot be written.
    """
    tensors = model.state_dict()
    stored = replace(description, weights_digest=tensors_digest(tensors))
    save_tensors(path, tensors, metadata={KEY: json.dumps(stored.plain(), sort_keys=True, allow_nan=False)})
    return stored


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], Description]:
    """Reads a file that :func:`save_checkpoint` wrote, and checks the weights against the description.

    Raises:
        CheckpointError: the file is missing, a pickle, truncated, of another format, without a description, or was
            changed.
    """
    description = read_description(path)
    tensors = load_tensors(path)
    found = tensors_digest(tensors)
    if found != description.weights_digest:
        raise CheckpointError(
            f"the weights in {path} are not those that were saved: their digest is {found[:12]}, "
            f"the description says {description.weights_digest[:12]}",
            hint="copy the file or train the model again",
        )
    return tensors, description
