"""What goes into faiss and comes out of it, in the core's terms."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from robusthash.contracts import Ball, Space

Octets = npt.NDArray[np.uint8]  #: (n, bytes) packed codes
Found = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]  #: (n, k) distances and ids; id -1 where fewer were found


def octets(packed: Tensor) -> Octets:
    """Packed codes as faiss reads them: (n, bytes), C-contiguous, sharing memory where that is possible."""
    array: Octets = np.ascontiguousarray(packed.cpu().numpy())
    return array


def open_radius(radius: float, space: Space) -> int:
    """The bound that ``range_search`` is given for a closed ball: it returns what is nearer."""
    return min(int(radius), space.size) + 1


def ball(limits: npt.NDArray[np.uint64], distances: npt.NDArray[np.int32], ids: npt.NDArray[np.int64]) -> Ball:
    """The answer of a ``range_search``, each query's items put in ascending (distance, id)."""
    offsets = limits.astype(np.int64)
    query = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((ids, distances, query))
    return Ball(
        offsets=torch.from_numpy(offsets),
        distances=torch.from_numpy(distances[order].astype(np.int64)),
        ids=torch.from_numpy(ids[order]),
    )
