"""Networks of torchvision, random or with weights published or from a file."""

import socket
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robusthash.errors import CheckpointError
from robusthash.training import load_tensors, load_weights

PUBLISHED = "IMAGENET1K_V1"  #: torchvision's name for the first published ImageNet weights
TIMEOUT = 15.0  #: seconds after which a stalled download fails


def torchvision_network(name: str, weights: str, head: str) -> nn.Module:
    """Builds a classifier of torchvision.

    Args:
        name: torchvision's, such as ``resnet18``.
        weights: ``none``; ``default`` for the first published ImageNet weights, those that the papers used; or the path
            of a safetensors file with torchvision's own parameter names.
        head: prefix of the final classifier's parameters, which a file may lack.

    Raises:
        CheckpointError: the weights cannot be fetched or read, or do not fit.
    """
    import torchvision  # here and below: slow to import, and options are read without it

    network: nn.Module = torchvision.models.get_model(name, weights=None)
    state = torchvision_state(name, weights)
    if state is not None:
        load_weights(network, state, told(name, weights), optional=[head])
    return network


def torchvision_state(name: str, weights: str) -> dict[str, Tensor] | None:
    """The state that a network of torchvision is to start from, or None for a random start.

    Args:
        name: torchvision's, such as ``resnet18``.
        weights: as for :func:`torchvision_network`.

    Raises:
        CheckpointError: the weights cannot be fetched or read.
    """
    if weights == "default":
        return _published(name)
    return None if weights == "none" else load_tensors(Path(weights))


def told(name: str, weights: str) -> str:
    """Where a state came from, for an error."""
    return f"torchvision's {name}" if weights == "default" else weights


def published_weights(name: str) -> Any:
    """Torchvision's entry of the first published ImageNet weights, address and preprocessing; None without such."""
    import torchvision

    return torchvision.models.get_model_weights(name).__members__.get(PUBLISHED)


def _published(name: str) -> dict[str, Tensor]:
    """Torchvision's own state, from its download cache or its site; the file's hash is checked."""
    published = published_weights(name)
    if published is None:
        raise CheckpointError(
            f"torchvision publishes no {PUBLISHED} weights of {name}",
            hint="give a safetensors file with --weights, or use random weights with --weights none",
        )
    try:
        with _timeout(TIMEOUT):
            state: dict[str, Tensor] = published.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (OSError, urllib.error.URLError, RuntimeError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        file = Path(published.url).name
        raise CheckpointError(
            f"cannot fetch the published weights of {name} from {published.url}: {reason}",
            hint=f"put {file} into {Path(torch.hub.get_dir()) / 'checkpoints'}, or convert it to safetensors and give "
            f"its path with --weights; --weights none uses random weights",
        ) from error
    return _modern_names(state) if name.startswith("densenet") else state


def _modern_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """DenseNet's published file still writes ``norm.1.weight`` for what is now ``norm1.weight``."""
    renamed = {}
    for key, tensor in state.items():
        parts = key.split(".")
        for i, part in enumerate(parts[:-1]):
            if part in ("norm", "relu", "conv") and parts[i + 1] in ("1", "2") and "denselayer" in parts[i - 1]:
                parts[i : i + 2] = [part + parts[i + 1]]
                break
        renamed[".".join(parts)] = tensor
    return renamed


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Torchvision's downloads take no timeout of their own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
