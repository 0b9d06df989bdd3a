"""LanceDB as a retriever of hash codes: an embedded database whose tables may be larger than memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Ball, Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.errors import OptionError
from robusthash_lancedb.folders import Folder
from robusthash_lancedb.library import IvfFlat, lancedb, pa

_TABLE, _CODE, _ID, _DISTANCE, _QUERY = "codes", "code", "id", "_distance", "query_index"
_ROWS = 1 << 16  #: written at once
_TOGETHER = 64  #: queries asked at once


@dataclass(frozen=True, kw_only=True)
class LanceDB(Retriever):
    """A scan of the table by Hamming distance.

    LanceDB returns the items at the last distance in any order. So more than k are retrieved and sorted by distance and
    id; a query whose last distance goes on beyond them is asked for all items up to that distance.
    """

    keep: bool = False  #: leave the table in the cache for later runs

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Exact, any k, any radius."""
        return RetrieverCapabilities(exact=True, max_k=None, radius=True)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        folder = _stored(items, key, (), None, keep=self.keep)
        return LanceIndex(folder, None, items, space, key, self.capabilities)


@dataclass(frozen=True, kw_only=True)
class LanceDBIVF(Retriever):
    """LanceDB's IVF_FLAT index by Hamming distance, as an application would ask it.

    A search looks into the ``nprobes`` nearest partitions; it returns fewer items than were asked for if these hold
    fewer. The centres are drawn by LanceDB, so that another build may find other items.
    """

    num_partitions: int | None = None  #: partitions; none leaves it to LanceDB
    nprobes: int = 20  #: partitions that a search looks into
    keep: bool = False  #: leave the table in the cache for later runs

    def __post_init__(self) -> None:
        for name, value in (("num_partitions", self.num_partitions), ("nprobes", self.nprobes)):
            if value is not None and value < 1:
                raise OptionError(f"{name} is {value}", hint="give 1 or more")

    @property
    def capabilities(self) -> RetrieverCapabilities:
        """Approximate; it may return fewer than k; no radius search."""
        return RetrieverCapabilities(exact=False, max_k=None, radius=False, complete=False)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        lists = IvfFlat(distance_type="hamming", num_partitions=self.num_partitions)
        folder = _stored(items, key, ("ivf", self.num_partitions), lists, keep=self.keep)
        return LanceIndex(folder, self.nprobes, items, space, key, self.capabilities)


class LanceIndex(Index):
    """A table of codes on disk.

    Args:
        folder: of the database.
        nprobes: partitions to look into; None scans the table.
        items: the database, (size, ceil(bits / 8)) uint8; nothing of it is kept in memory.
        space: Hamming space.
        key: of the database.
        capabilities: what the retriever promises.
    """

    def __init__(
        self,
        folder: Folder,
        nprobes: int | None,
        items: Tensor,
        space: Space,
        key: str,
        capabilities: RetrieverCapabilities,
    ) -> None:
        super().__init__(items, space, key, capabilities)
        self._folder, self._nprobes = folder, nprobes
        self._table = lancedb.connect(folder.path).open_table(_TABLE)

    def _search(self, queries: Tensor, k: int) -> Neighbours:
        found = np.full((2, len(queries), k), -1, np.int64)
        exact = self.capabilities.exact
        wanted = min(2 * k, self.size) if exact else k
        codes = queries.cpu().numpy()
        for row, (distances, ids) in enumerate(self._nearest(codes, wanted)):
            near = distances, ids
            if exact and wanted < self.size and distances[k - 1] == distances[-1]:
                near = self._ball(codes[row], int(distances[-1]))
            order = np.lexsort((near[1], near[0]))[:k]
            found[0, row, : len(order)], found[1, row, : len(order)] = near[0][order], near[1][order]
        return Neighbours(distances=torch.from_numpy(found[0]), ids=torch.from_numpy(found[1]))

    def _within(self, queries: Tensor, radius: float) -> Ball:
        parts = [self._ball(query, min(int(radius), self.space.size)) for query in queries.cpu().numpy()]
        none = np.empty(0, np.int64)
        return Ball(
            offsets=torch.tensor([0, *(len(ids) for _, ids in parts)]).cumsum(0),
            distances=torch.from_numpy(np.concatenate([none, *(distances for distances, _ in parts)])),
            ids=torch.from_numpy(np.concatenate([none, *(ids for _, ids in parts)])),
        )

    def _nearest(self, codes: npt.NDArray[np.uint8], k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Distances and ids of up to k items of each query, nearest first."""
        for start in range(0, len(codes), _TOGETHER):
            block = codes[start : start + _TOGETHER]
            # A single query comes back without the column that tells queries apart.
            asked = self._asked(list(block) if len(block) > 1 else block[0], k)
            answer = asked.select([_ID, _DISTANCE]).to_arrow()
            of = answer[_QUERY].to_numpy() if len(block) > 1 else np.zeros(answer.num_rows, np.int64)
            distances, ids = answer[_DISTANCE].to_numpy().astype(np.int64), answer[_ID].to_numpy().astype(np.int64)
            for query in range(len(block)):
                mine = of == query
                order = np.lexsort((ids[mine], distances[mine]))
                yield distances[mine][order], ids[mine][order]

    def _ball(self, code: npt.NDArray[np.uint8], radius: int) -> tuple[np.ndarray, np.ndarray]:
        """Distances and ids of all items up to a distance, by ascending distance and id."""
        asked = self._asked(code, self.size).distance_range(upper_bound=radius + 0.5)
        answer = asked.select([_ID, _DISTANCE]).to_arrow()
        distances, ids = answer[_DISTANCE].to_numpy().astype(np.int64), answer[_ID].to_numpy().astype(np.int64)
        order = np.lexsort((ids, distances))
        return distances[order], ids[order]

    def _asked(self, codes: object, k: int) -> Any:
        builder: Any = self._table.search(codes, vector_column_name=_CODE)
        asked = builder.distance_type("hamming").limit(k)
        return asked.bypass_vector_index() if self._nprobes is None else asked.nprobes(self._nprobes)

    def _close(self) -> None:
        del self._table
        self._folder.close()


def _stored(items: Tensor, key: str, made: Sequence[object], lists: IvfFlat | None, *, keep: bool) -> Folder:
    """The database of some codes, made if it is not there.

    Args:
        items: (n, bytes) uint8 packed codes.
        key: their digest.
        made: how they are indexed.
        lists: the index; None for none.
        keep: whether it stays.
    """

    def make(folder: Path) -> None:
        octets = items.shape[1]
        schema = pa.schema([(_ID, pa.int64()), (_CODE, pa.list_(pa.uint8(), octets))])
        table = lancedb.connect(folder).create_table(_TABLE, _batches(items, schema), schema=schema)
        if lists is not None:
            table.create_index(_CODE, config=lists)

    name = hashlib.sha256(repr((key, *made)).encode()).hexdigest()[:32]
    return Folder(name, make, keep=keep)


def _batches(items: Tensor, schema: Any) -> Iterator[Any]:
    codes = items.cpu().numpy()
    for start in range(0, len(codes), _ROWS):
        block = np.ascontiguousarray(codes[start : start + _ROWS])
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), codes.shape[1])
        ids = pa.array(np.arange(start, start + len(block)))
        yield pa.RecordBatch.from_arrays([ids, vectors], schema=schema)
