"""What attacks learn before the first query: once for each victim, kept in the cache by what made it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from robusthash.contracts import Attack, AttackContext
from robusthash.errors import PluginError, RobustHashError
from robusthash.storage import cache_folder, digest, write_atomically

Fitted = Mapping[str, Tensor]


def fitted(
    attack: Attack, context: AttackContext, made_from: Mapping[str, Any], *, device: torch.device
) -> Fitted | None:
    """What an attack learns, taken from the cache if the very same was learnt before.

    Every process reads what one has written, so workers and resumed runs work with the same bytes.

    Args:
        attack: with its options.
        context: all that it may know.
        made_from: plain values that name everything that could change what it learns.
        device: where the tensors go.

    Returns:
        Tensors by name; None for an attack that learns nothing.

    Raises:
        PluginError: the attack raised something of its own, or broke its contract.
        StorageError: the cache cannot be written.
    """
    if type(attack).fit is Attack.fit:
        return None
    path = cache_folder() / "attacks" / f"{digest(made_from)[:32]}.safetensors"
    tensors = _read(path)
    if tensors is None:
        learnt = _learn(attack, context)
        if learnt is None:
            return None
        write_atomically(path, save_tensors({name: tensor.cpu().contiguous() for name, tensor in learnt.items()}))
        tensors = dict(learnt)
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def _read(path: Path) -> dict[str, Tensor] | None:
    if not path.exists():
        return None
    try:
        return load_tensors(path.read_bytes())
    except SafetensorError:
        path.unlink()  # a cache file that cannot be read is made again
        return None


def _learn(attack: Attack, context: AttackContext) -> Fitted | None:
    try:
        return attack.learn(context)
    except RobustHashError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"it raised {type(error).__name__} while it learnt: {error}", hint="report it to the plugin's author"
        ) from error
