"""The result of a shard: one row per query, and what the shard cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from robusthash.evaluation.crafting.trace import joined
from robusthash.results import Cost
from robusthash.results.records.arrays import TRACE
from robusthash.results.records.stages import is_stage

_IDS, _PIXELS, _MEMBER = "ids", "pixels", "member"
_SPENT, _SECONDS, _BATCH = "spent", "seconds", "batch"
_OWN = frozenset({_IDS, _PIXELS, _MEMBER, TRACE, _SPENT, _SECONDS, _BATCH})


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardResult:
    """Some attacked and hashed queries.

    Attributes:
        ids: (n,) int64, positions in the dataset's query split.
        codes: representations by stage: packed codes, (n, ceil(bits / 8)) uint8, or descriptors, (n, d) float32.
        imagery: by name, (n,) float64: distances between delivered and clean inputs, and the share ``clipped``.
        pixels: (n, 16) uint8, a digest of what was delivered.
        cost: passes, queries and seconds that the attack spent.
        batch: largest number of queries in one batch.
        member: (n,) int64, for an ensemble, index of the member that each outcome comes from.
        trace: (n, steps + 1), distance to the aim after each number of steps; None if the attack does not report it.
    """

    ids: np.ndarray
    codes: Mapping[str, np.ndarray]
    imagery: Mapping[str, np.ndarray]
    pixels: np.ndarray
    cost: Cost
    batch: int
    member: np.ndarray | None = None
    trace: np.ndarray | None = None

    @classmethod
    def cat(cls, parts: Sequence[Self]) -> Self:
        """Concatenates shards, in their order."""
        first = parts[0]
        members = [part.member for part in parts if part.member is not None]
        return cls(
            ids=np.concatenate([part.ids for part in parts]),
            codes={stage: np.concatenate([part.codes[stage] for part in parts]) for stage in first.codes},
            imagery={name: np.concatenate([part.imagery[name] for part in parts]) for name in first.imagery},
            pixels=np.concatenate([part.pixels for part in parts]),
            cost=sum((part.cost for part in parts), Cost()),
            batch=max(part.batch for part in parts),
            member=np.concatenate(members) if members else None,
            trace=joined([part.trace for part in parts if part.trace is not None]),
        )

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Arrays that are stored besides codes and scores, one row per query, by name."""
        optional = {_MEMBER: self.member, TRACE: self.trace}
        return {
            _IDS: self.ids,
            **self.imagery,
            _PIXELS: self.pixels,
            **{name: array for name, array in optional.items() if array is not None},
        }

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Named arrays, for a shard's file."""
        cost = self.cost
        return {
            **self.codes,
            **self.columns,
            _SPENT: np.array([cost.forward, cost.backward, cost.queries]),
            _SECONDS: np.array([cost.seconds]),
            _BATCH: np.array([self.batch]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Reads what :meth:`to_arrays` wrote."""
        forward, backward, queries = (int(count) for count in arrays[_SPENT])
        return cls(
            ids=arrays[_IDS],
            codes={name: array for name, array in arrays.items() if is_stage(name)},
            imagery={name: array for name, array in arrays.items() if name not in _OWN and not is_stage(name)},
            pixels=arrays[_PIXELS],
            cost=Cost(forward=forward, backward=backward, queries=queries, seconds=float(arrays[_SECONDS][0])),
            batch=int(arrays[_BATCH][0]),
            member=arrays.get(_MEMBER),
            trace=arrays.get(TRACE),
        )
