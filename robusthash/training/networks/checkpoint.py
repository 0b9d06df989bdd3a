"""A trained model on disk: its weights, and a description of how it was made."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from robusthash.errors import CheckpointError
from robusthash.specs import PluginUse
from robusthash.tensors import load_tensors, read_metadata, save_tensors, tensors_digest

FORMAT = 1
_KEY = "robusthash"


@dataclass(frozen=True, kw_only=True)
class Description:
    """How a model was made.

    Attributes:
        model: the objective that trained it, or the closed form that set its hash layer.
        backbone: its feature network.
        pretrained: the backbone's initial weights: ``none``, ``default``, a file's digest, or ``unknown``.
        defense: what hardened it; None if nothing did.
        recipe: every field of the recipe; empty for a closed form; the layout of an ``imported`` model.
        bits: code length K.
        image_size: height and width of its inputs, in pixels.
        dataset: registered name of the dataset.
        dataset_digest: of its three splits; empty for an imported model.
        classes: label names; empty for an imported model.
        seed: of the training.
        versions: of robusthash and torch.
        report: the training's report, as plain values.
        weights_digest: of the weights; set by :func:`save_checkpoint`.
        format: version of this description.
    """

    model: PluginUse
    backbone: PluginUse
    pretrained: str
    defense: PluginUse | None = None
    recipe: Mapping[str, Any]
    bits: int
    image_size: int
    dataset: str
    dataset_digest: str
    classes: tuple[str, ...]
    seed: int
    versions: Mapping[str, str]
    report: Mapping[str, Any]
    weights_digest: str = ""
    format: int = FORMAT


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
    save_tensors(path, tensors, metadata={_KEY: json.dumps(asdict(stored), sort_keys=True, allow_nan=False)})
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


def is_checkpoint(path: Path) -> bool:
    """Whether a safetensors file was written by :func:`save_checkpoint`.

    Raises:
        CheckpointError: it is missing, a pickle, truncated, or of another format.
    """
    return _KEY in read_metadata(path)


def read_description(path: Path) -> Description:
    """Reads a checkpoint's description without its weights.

    Raises:
        CheckpointError: as for :func:`load_checkpoint`.
    """
    metadata = read_metadata(path)
    if _KEY not in metadata:
        raise CheckpointError(
            f"{path} holds weights without robusthash's description of them",
            hint="to evaluate a network of your own, name the file that builds it: --model path/to/file.py:build",
        )
    return _parse(metadata[_KEY], path)


def _parse(text: str, path: Path) -> Description:
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise CheckpointError(
                f"{path} has format {content['format']}, but this version reads {FORMAT}", hint="train it again"
            )
        content["model"] = PluginUse(**content["model"])
        content["backbone"] = PluginUse(**content["backbone"])
        content["defense"] = PluginUse(**content["defense"]) if content["defense"] else None
        content["classes"] = tuple(content["classes"])
        return Description(**content)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"the description in {path} cannot be read: {error}", hint="train it again") from error
