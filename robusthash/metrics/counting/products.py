"""Counts pairs by matrix products of codes, on a GPU."""

import torch
from torch import Tensor

from robusthash.hashing import unpack
from robusthash.metrics.counting.counts import Counts
from robusthash.metrics.counting.labels import Octets, PackedLabels
from robusthash.metrics.counting.relevance import label_words, relevant
from robusthash.specs import Relevance

_PAIR_BYTES = 40  #: product, distance, labels, key
_ITEMS = 1 << 18  #: items of one block, so that any database fits

Codes = Tensor | Octets


def count_products(
    queries: Codes,
    items: Codes,
    query_labels: PackedLabels,
    item_labels: PackedLabels,
    bits: int,
    relevance: Relevance,
    chunk_bytes: int,
    device: torch.device,
) -> Counts:
    """Counts from matrix products of codes in {-1, +1}: ``distance = (bits - <q, b>) / 2``.

    The products are whole numbers far below 2**24, which float32 holds exactly, TF32 included.

    Returns:
        (q, 2 * (bits + 1)) int64, irrelevant items by distance, then relevant ones.
    """
    bins = bits + 1
    counts = torch.zeros((len(queries), 2 * bins), dtype=torch.int64, device=device)
    step = min(_ITEMS, max(1, chunk_bytes // _PAIR_BYTES))
    rows = max(1, chunk_bytes // (_PAIR_BYTES * step))
    wanted = _words(query_labels, device)
    for left in range(0, len(items), step):
        codes = _signs(items[left : left + step], bits, device).T
        present = _words(item_labels[left : left + step], device)
        for top in range(0, len(queries), rows):
            signs = _signs(queries[top : top + rows], bits, device)
            keys = ((bits - signs @ codes) / 2).to(torch.int64)
            keys += relevant(wanted[:, top : top + rows], present, relevance) * bins
            keys += torch.arange(len(signs), device=device)[:, None] * (2 * bins)
            found = torch.bincount(keys.flatten(), minlength=len(signs) * 2 * bins)
            counts[top : top + rows] += found.view(len(signs), 2 * bins)
    return counts.cpu().numpy()


def _words(labels: PackedLabels, device: torch.device) -> Tensor:
    return torch.from_numpy(label_words(labels).view("int32")).to(device)


def _signs(packed: Codes, bits: int, device: torch.device) -> Tensor:
    # A memory map may be read only, which torch warns of; a block of it is copied anyway.
    block = packed if isinstance(packed, Tensor) else torch.from_numpy(packed.copy())
    return unpack(block.to(device), bits).to(torch.float32)
