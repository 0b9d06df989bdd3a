"""What attacks learn before their first query: once per surrogate, and cached together with its cost."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from robusthash.contracts import Attack, LearningContext, Snapshots
from robusthash.errors import CheckpointError, PluginError, RobustHashError
from robusthash.results import Spent
from robusthash.storage import cache_folder, digest
from robusthash.tensors import load_tensors, read_metadata, save_tensors

_COST = "cost"


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What an attack has learnt.

    Attributes:
        tensors: by name, on the device.
        spent: cost of learning it, also if it is read from the cache.
    """

    tensors: Mapping[str, Tensor]
    spent: Spent


def learnt(attack: Attack, context: LearningContext, made_from: Mapping[str, Any]) -> Learnt | None:
    """What an attack learns, from the cache if it has been learnt before.

    Workers and resumed runs read the cached file, so all of them use the same bytes. Learning that was interrupted
    resumes from its last snapshot.

    Args:
        attack: with its options.
        context: all that it may know; its snapshots are set here.
        made_from: everything that could change what it learns, as plain values.

    Returns:
        What it has learnt; None for an attack that does not learn.

    Raises:
        PluginError: the attack raised an unexpected error, or violated its contract.
        CheckpointError: the snapshot of an unfinished training cannot be read.
        StorageError: the cache cannot be written.
    """
    if type(attack).fit is Attack.fit:
        return None
    key = digest(made_from)
    path = cache_folder() / "attacks" / f"{key[:32]}.safetensors"
    if path.exists():
        try:
            tensors, spent = load_tensors(path), Spent(**_numbers(read_metadata(path)))
        except (CheckpointError, ValueError, TypeError):
            path.unlink()  # an unreadable cache file is made again
        else:
            return Learnt(tensors=_placed(tensors, context.device), spent=spent)
    snapshots = Snapshots(path.with_suffix(".partial"), key)
    started = time.perf_counter()
    found = _learn(attack, replace(context, snapshots=snapshots))
    if found is None:
        return None
    budget = context.surrogate.budget
    spent = Spent(forward=budget.forward, backward=budget.backward, seconds=time.perf_counter() - started)
    save_tensors(path, found, metadata={f"{_COST}.{name}": repr(value) for name, value in asdict(spent).items()})
    snapshots.remove()
    return Learnt(tensors=_placed(found, context.device), spent=spent)


def _learn(attack: Attack, context: LearningContext) -> dict[str, Tensor] | None:
    try:
        found = attack.learn(context)
    except RobustHashError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"it raised {type(error).__name__} while it learnt: {error}", hint="report it to the plugin's author"
        ) from error
    return None if found is None else dict(found)


def _placed(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in tensors.items()}


def _numbers(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Reads the cost of learning from a file's metadata."""
    names = {"forward": int, "backward": int, "seconds": float}
    return {name: kind(metadata.get(f"{_COST}.{name}", "")) for name, kind in names.items()}
