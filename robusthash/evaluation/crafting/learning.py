"""What attacks learn before their first query: once per surrogate, and cached together with its cost."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from robusthash.contracts import Attack, Budget, LearningContext, Snapshot, Snapshots, Team
from robusthash.errors import CheckpointError
from robusthash.evaluation.crafting.fitted import load_fitted, save_fitted
from robusthash.evaluation.planning.fitting import Fitting
from robusthash.files.caching import cached_path
from robusthash.files.once import made_once, unfinished
from robusthash.files.storage import require_space
from robusthash.results import Spent
from robusthash.training import TeamSnapshots

_COST = "cost"
_LEARN, _FOUND = "learn", "found"  #: what the first process of a team tells the others


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What an attack has learnt.

    Attributes:
        tensors: by name, on the device.
        spent: cost of learning it, also if it is read from a file.
        key: digest of what it is made from; None is unlike any other.
        name: of the attack.
        digest: of the tensors; None if they are in no file.
    """

    tensors: Mapping[str, Tensor]
    spent: Spent
    key: str | None = None
    name: str = ""
    digest: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """What an attack has learnt, in the cache.

    Attributes:
        path: of the file.
        fitting: how it was learnt.
        tensors: by name, on the CPU or the device.
        cached: whether it had been learnt before.
    """

    path: Path
    fitting: Fitting
    tensors: Mapping[str, Tensor]
    cached: bool


def learnt(attack: Attack, context: LearningContext, fitting: Fitting) -> Stored | None:
    """What an attack learns, from the cache if it has been learnt before.

    Workers and resumed runs read the cached file, so all of them use the same bytes. Learning that was interrupted
    resumes from its last snapshot. Of a team of processes, the first one looks into the cache and writes to it.

    Args:
        attack: with its options.
        context: all that it may know; its snapshots are set here.
        fitting: everything that could change what it learns.

    Returns:
        What it has learnt; None for an attack that does not learn.

    Raises:
        PluginError: the attack raised an unexpected error, or violated its contract.
        CheckpointError: the snapshot of an unfinished training cannot be read.
        StorageError: the cache cannot be written.
    """
    if type(attack).fit is Attack.fit:
        return None
    key = fitting.key
    path = cached_path("attacks", f"{key[:32]}.safetensors")

    def read() -> tuple[Fitting, Mapping[str, Tensor]] | None:
        try:
            found = load_fitted(path)
        except CheckpointError:
            return None
        return (found.fitting, found.tensors) if found.fitting.key == key else None

    def make() -> tuple[Fitting, Mapping[str, Tensor] | None]:
        for file in (path, unfinished(path)):
            require_space(file.parent, context.bank.labels.nbytes, "what the attack learns")
        team.agreed(_LEARN)
        found, spent = _together(attack, context, unfinished(path), key)
        told = replace(fitting, spent=spent)
        return (told if found is None else save_fitted(path, found, context.bank, told)), found

    team = context.team
    if team.rank:
        return _followed(attack, context, path, key)
    (stored, tensors), cached = made_once(path, read, make)
    if cached:
        team.agreed(_FOUND)
    team.agreed(None if tensors is None else stored)
    return None if tensors is None else Stored(path=path, fitting=stored, tensors=tensors, cached=cached)


def _followed(attack: Attack, context: LearningContext, path: Path, key: str) -> Stored | None:
    """What a process that is not the first one of its team has learnt with it: without the tensors."""
    cached = context.team.agreed("") == _FOUND
    if not cached:
        _together(attack, context, unfinished(path), key)
    stored: Fitting | None = context.team.agreed(None)
    return None if stored is None else Stored(path=path, fitting=stored, tensors={}, cached=cached)


def _together(
    attack: Attack, context: LearningContext, partial: Path, key: str
) -> tuple[Mapping[str, Tensor] | None, Spent]:
    """What an attack learns in every process of its team, and what that costs all of them."""
    meter = _Meter(context.surrogate.budget, context.team)
    found = attack.learn(replace(context, snapshots=_MeteredSnapshots(partial, key, meter)))
    return found, meter.spent()


class _Meter:
    """Counts what learning has spent, in all processes, also before it was interrupted.

    Args:
        budget: counts the passes of this process.
        team: the processes.
    """

    def __init__(self, budget: Budget, team: Team) -> None:
        self._budget = budget
        self.team = team
        self._before = Spent()
        self._started = time.perf_counter()

    def spent(self) -> Spent:
        """The cost up to now."""
        seconds = time.perf_counter() - self._started
        forward, backward = map(int, self.team.total(self._budget.forward, self._budget.backward))
        now = Spent(forward=forward, backward=backward, seconds=seconds)
        return self._before + now

    def resume(self, before: Spent) -> None:
        """Adds what was spent up to a snapshot; of the snapshots of several parts, the last one counts."""
        self._before = max(self._before, before, key=lambda spent: spent.seconds)


class _MeteredSnapshots(TeamSnapshots):
    """Snapshots that also store the cost, so that resumed learning costs as much as uninterrupted learning.

    Args:
        path: of the file.
        identity: everything that could change the outcome.
        meter: counts the cost.
    """

    def __init__(self, path: Path | None, identity: str, meter: _Meter) -> None:
        super().__init__(path, identity, team=meter.team)
        self._meter = meter

    def load(self) -> Snapshot | None:
        found = super().load()
        if found is None:
            return None
        about = dict(found.about)
        self._meter.resume(Spent(**about.pop(_COST, {})))
        return replace(found, about=about)

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None) -> None:
        super().save(tensors, {**(about or {}), _COST: asdict(self._meter.spent())})

    def part(self, name: str) -> Snapshots:
        plain = super().part(name)
        return _MeteredSnapshots(plain.path, plain.identity, self._meter)
