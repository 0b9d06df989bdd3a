"""Random items of a space, and searches of them by definition, for tests of retrievers."""

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import Ball, Distance, Neighbours, Space
from robusthash.hashing import pack, unpack


def random_codes(count: int, bits: int, *, seed: int, distinct: int | None = None) -> Tensor:
    """Packed random codes.

    Args:
        count: number of codes.
        bits: code length.
        seed: of the draw.
        distinct: draw from so many codes only, which makes ties.

    Returns:
        (count, ceil(bits / 8)) uint8.
    """
    return random_items(count, Space.hamming(bits), seed=seed, distinct=distinct)


def random_items(count: int, space: Space, *, seed: int, distinct: int | None = None) -> Tensor:
    """A representation of random items: fair bits, or normal descriptors.

    Args:
        count: number of items.
        space: where they lie.
        seed: of the draw.
        distinct: draw from so many items only, which makes ties.

    Returns:
        (count, bytes) uint8 or (count, size) float32.
    """
    generator = torch.Generator().manual_seed(seed)
    if space.binary:
        items = pack(torch.randint(0, 2, (distinct or count, space.size), generator=generator) * 2 - 1)
    else:
        items = torch.randn((distinct or count, space.size), generator=generator)
    return items[torch.randint(0, distinct, (count,), generator=generator)] if distinct else items


def slow_distances(queries: Tensor, database: Tensor, space: Space) -> Tensor:
    """Distances by definition: (queries, database); int64 in Hamming space, else float64. Independent of every search.

    Args:
        queries: a representation of the space.
        database: another.
        space: what they are compared in.
    """
    if space.binary:
        left, right = unpack(queries, space.size), unpack(database, space.size)
        return torch.stack([(query != right).sum(1) for query in left])
    left, right = queries.double(), database.double()
    if space.distance is Distance.L2:
        return torch.stack([(query - right).square().sum(1).sqrt() for query in left])
    lengths = torch.outer(left.norm(dim=1), right.norm(dim=1))
    return 1 - left @ right.T / torch.where(lengths > 0, lengths, 1)


def slow_ranking(queries: Tensor, database: Tensor, space: Space) -> Neighbours:
    """The whole database for each query, by ascending (distance, id)."""
    distances = slow_distances(queries, database, space)
    every = np.arange(len(database))
    order = torch.from_numpy(np.stack([np.lexsort((every, row)) for row in distances.numpy()]))
    return Neighbours(distances=distances.gather(1, order), ids=order)


def slow_ball(queries: Tensor, database: Tensor, space: Space, radius: float) -> Ball:
    """All items within a radius, by ascending (distance, id)."""
    ranking = slow_ranking(queries, database, space)
    inside = ranking.distances <= radius
    return Ball(
        offsets=torch.cat([torch.zeros(1, dtype=torch.int64), inside.sum(1).cumsum(0)]),
        distances=ranking.distances[inside],
        ids=ranking.ids[inside],
    )


def off(found: Tensor, true: Tensor, space: Space, queries: Tensor, database: Tensor) -> Tensor:
    """How far distances are from the true ones, as a share of what float32 arithmetic may be off: right up to 1.

    Squared distances of d dimensions, computed as ``|q|^2 + |b|^2 - 2 <q, b>`` in float32, are off by at most
    ``(8 d + 40) 2**-24 M^2``, M being the longest of all descriptors: 1 for cosine, whose distance is half a square.

    Args:
        found: (n, k) distances.
        true: (n, k) distances.
        space: of descriptors.
        queries: (n, d) float32.
        database: (items, d) float32.
    """
    bound = (8 * space.size + 40) * 2.0**-24
    if space.distance is Distance.COSINE:
        return 2 * (found.double() - true.double()).abs() / bound
    longest = max(float(part.double().norm(dim=1).amax()) for part in (queries, database))
    return (found.double().square() - true.double().square()).abs() / (bound * longest**2)
