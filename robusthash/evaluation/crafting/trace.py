"""Distances to the aim after each step, for curves of Hamming distance over iterations."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Trace:
    """Records the distances that an attack reports, without synchronising the device."""

    def __init__(self) -> None:
        self._seen: list[tuple[Tensor, int, Tensor]] = []

    def __call__(self, ids: Tensor, step: int, distance: Tensor) -> None:
        """Records distances, as :attr:`robusthash.contracts.AttackContext.observe`."""
        kept = distance.to(torch.float32 if distance.is_floating_point() else torch.int16)
        self._seen.append((ids, step, kept))

    def matrix(self, ids: Tensor) -> np.ndarray | None:
        """All distances: (n, steps + 1), int16 for bits, else float32; None if nothing was reported.

        A query that is no longer reported keeps its last distance.

        Args:
            ids: (n,) int64, ids of the batch's queries.
        """
        if not self._seen:
            return None
        place = {query: row for row, query in enumerate(ids.tolist())}
        kind = np.float32 if self._seen[0][2].is_floating_point() else np.int16
        told = np.full((len(place), 1 + max(step for _, step, _ in self._seen)), -1, dtype=kind)
        for ids, step, distance in self._seen:
            told[[place[query] for query in ids.tolist()], step] = distance.cpu().numpy()
        return _carried(told)


def joined(parts: Sequence[np.ndarray]) -> np.ndarray | None:
    """Concatenates traces of batches; None if there are none. Shorter ones are extended by their last distances."""
    if not parts:
        return None
    longest = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, longest - part.shape[1])), mode="edge") for part in parts])


def _carried(told: np.ndarray) -> np.ndarray:
    steps = np.where(told >= 0, np.arange(told.shape[1]), 0)
    last: np.ndarray = np.take_along_axis(told, np.maximum.accumulate(steps, axis=1), axis=1)
    return last
