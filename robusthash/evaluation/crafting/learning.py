"""What attacks learn before the first query: once for each surrogate, cached by what made it, with what it cost."""

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
        spent: what learning it cost, whenever that was.
    """

    tensors: Mapping[str, Tensor]
    spent: Spent


def learnt(attack: Attack, context: LearningContext, made_from: Mapping[str, Any]) -> Learnt | None:
    """What an attack learns, taken from the cache if the very same was learnt before.

    Every process reads what one has written, so workers and resumed runs work with the same bytes. A learning that is
    killed goes on from its last snapshot.

    Args:
        attack: with its options.
        context: all that it may know; the host's snapshots are put into it.
        made_from: plain values that name everything that could change what it learns.

    Returns:
        None for an attack that learns nothing.

    Raises:
        PluginError: the attack raised something of its own, or broke its contract.
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
            path.unlink()  # a cache file that cannot be read is made again
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
    """What learning cost, from a file's metadata."""
    names = {"forward": int, "backward": int, "seconds": float}
    return {name: kind(metadata.get(f"{_COST}.{name}", "")) for name, kind in names.items()}
