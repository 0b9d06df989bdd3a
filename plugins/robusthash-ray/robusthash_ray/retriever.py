"""An exact index in parts, each in the memory of a machine of a Ray cluster: for databases that do not fit one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Ball, Distance, Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError, StorageError
from robusthash_ray.cluster import Cluster, connected, cores
from robusthash_ray.part import Part

_BLOCK = 1 << 28  #: bytes of codes on their way at once


@dataclass(frozen=True, kw_only=True)
class RayFaiss(Retriever):
    """FAISS's flat index over codes, spread over a Ray cluster: exact, ties by ascending id.

    Raises:
        OptionError: there is no part.
    """

    address: str | None = None  #: of a cluster to join: auto, or host:port; none starts one here
    parts: int | None = None  #: number of parts; none is one for each machine

    def __post_init__(self) -> None:
        if self.parts is not None and self.parts < 1:
            raise OptionError(f"parts={self.parts}", hint="at least 1")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Exact, without a limit on k; codes alone."""
        return RetrieverCapabilities(exact=True, max_k=None, radius=True, distances=frozenset({Distance.HAMMING}))

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        with ExitStack() as stack:
            cluster = stack.enter_context(connected(self.address))
            alive = sum(node["Alive"] for node in cluster.ray.nodes())
            parts = stack.enter_context(_filled(cluster, items, min(self.parts or alive, len(items))))
            return Spread(cluster, parts, items, space, key, self.capabilities, stack.pop_all())


@contextmanager
def _filled(cluster: Cluster, items: Tensor, parts: int) -> Iterator[list[Any]]:
    """Actors with the codes, in the order of the database; they end with the context.

    Raises:
        StorageError: a part cannot be filled.
    """
    ray, codes = cluster.ray, items.numpy()
    bounds = np.linspace(0, len(codes), parts + 1, dtype=np.int64).tolist()
    threads = max(1, int(cluster.ray.cluster_resources().get("CPU", cores())) // parts)
    # No core is asked for: workers may have them all, and wait for the index.
    actor = ray.remote(Part).options(num_cpus=0, max_restarts=0, scheduling_strategy="SPREAD")
    made = [actor.remote(codes.shape[1], first, threads) for first in bounds[:-1]]
    rows = max(1, _BLOCK // codes.shape[1])
    try:
        for part, first, end in zip(made, bounds, bounds[1:], strict=False):
            for start in range(first, end, rows):
                _answers(cluster, [part.add.remote(codes[start : min(start + rows, end)])])
        yield made
    finally:
        for part in made:
            ray.kill(part, no_restart=True)


def _answers(cluster: Cluster, asked: list[Any]) -> list[Any]:
    """What the parts answer, in their order.

    Raises:
        StorageError: one is gone, or failed.
    """
    try:
        while len(cluster.answered(asked, wanted=len(asked))) < len(asked):
            pass
        found: list[Any] = cluster.ray.get(asked)
    except cluster.ray.exceptions.RayError as error:
        raise StorageError(
            f"a part of the index on the Ray cluster is gone: {' '.join(str(error).split())[-300:]}",
            hint="every machine needs FAISS, and memory for its part: use more machines, or more ray-faiss.parts",
        ) from error
    return found


class Spread(Index):
    """An index whose parts are actors.

    Args:
        cluster: where they are.
        parts: the actors, in the order of their codes in the database.
        items: the database.
        space: of codes.
        key: of the database.
        capabilities: what the retriever promises.
        place: closed with the index.
    """

    def __init__(
        self,
        cluster: Cluster,
        parts: list[Any],
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
        place: ExitStack,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._cluster, self._parts, self._place = cluster, parts, place

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        sent = self._cluster.ray.put(queries.cpu().numpy())
        found = _answers(self._cluster, [part.search.remote(sent, k) for part in self._parts])
        distances, ids = (torch.from_numpy(np.concatenate(one, axis=1)) for one in zip(*found, strict=True))
        # Parts and their ties are in ascending order, and a stable sort leaves equal distances so.
        distances, order = distances.sort(dim=1, stable=True)
        return Neighbours(distances=distances[:, :k].contiguous(), ids=ids.gather(1, order[:, :k]))

    def _within(self, queries: Tensor, radius: float) -> Ball:
        sent, bound = self._cluster.ray.put(queries.cpu().numpy()), min(int(radius), self.space.size) + 1
        found = _answers(self._cluster, [part.within.remote(sent, bound) for part in self._parts])
        counts = [one for one, _, _ in found]
        query = np.concatenate([np.repeat(np.arange(len(queries)), one) for one in counts])
        distances = np.concatenate([one for _, one, _ in found])
        ids = np.concatenate([one for _, _, one in found])
        order = np.lexsort((ids, distances, query))
        offsets = np.concatenate([[0], np.cumsum(sum(counts))])
        return Ball(
            offsets=torch.from_numpy(offsets.astype(np.int64)),
            distances=torch.from_numpy(distances[order]),
            ids=torch.from_numpy(ids[order]),
        )

    def _close(self) -> None:
        self._place.close()
