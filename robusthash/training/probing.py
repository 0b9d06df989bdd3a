"""Retrieval within the train split, to see a training fail before it ends."""

import torch
from torch import Tensor

from robusthash.contracts import HashModel, Randomness, Split
from robusthash.errors import TrainingError
from robusthash.hashing import binarise
from robusthash.training.encoding import encode
from robusthash.training.report import Probe

PROBE_QUERIES = 200  #: train items that search, at most; a fifth of a small split
PROBE_DATABASE = 2_000  #: other train items that are searched, at most
COLLAPSE = 0.02  #: a model that covers less of the way from the floor to 1 has learned nothing


def probe(model: HashModel, split: Split, *, seed: int, epoch: int, device: torch.device) -> Probe:
    """Lets some of the train items search others; the query split is not touched.

    Args:
        model: on ``device``.
        split: the train split.
        seed: of the run; the items are the same at each epoch.
        epoch: epochs finished.
        device: where.
    """
    keys = Randomness(seed=seed, purpose="train-probe").uniform(torch.zeros(1, dtype=torch.int64), (len(split),))[0]
    order = torch.argsort(keys, stable=True)
    queries = max(1, min(PROBE_QUERIES, len(split) // 5))
    chosen = order[: queries + PROBE_DATABASE]
    codes = binarise(encode(model, split.images, device=device, indices=chosen)).cpu()
    labels = split.labels[chosen].float()
    relevant = labels[:queries] @ labels[queries:].T > 0
    return Probe(
        epoch=epoch,
        map=expected_map(codes[:queries], codes[queries:], relevant),
        floor=expected_map(codes[:queries, :0], codes[queries:, :0], relevant),
        constant_bits=int((codes == codes[0]).all(0).sum()),
    )


def refuse_collapsed(last: Probe, bits: int) -> None:
    """Fails if codes retrieve no better than codes that say nothing.

    Raises:
        TrainingError: they do not; the message says what to try.
    """
    if last.map - last.floor < COLLAPSE * (1 - last.floor):
        raise TrainingError(
            f"the training collapsed: MAP {last.map:.3f} within the train split, codes that say nothing score "
            f"{last.floor:.3f}; {last.constant_bits} of {bits} bits are the same for every image. It is not saved",
            hint="try another learning rate (recipe.lr), more epochs (recipe.epochs), or a batch-paired objective",
        )


def expected_map(queries: Tensor, database: Tensor, relevant: Tensor) -> float:
    """Mean average precision, in expectation over the orders of equally distant items.

    Of a tie of t items, r of them relevant, after T items with R relevant, the j-th place adds
    ``r / t * (R + 1 + (j - 1) * (r - 1) / (t - 1)) / (T + j)`` to the sum of precisions (McSherry and Najork,
    ECIR 2008, section 3).

    Args:
        queries: (q, bits) int8 in {-1, +1}.
        database: (n, bits) int8 in {-1, +1}.
        relevant: (q, n) bool.

    Returns:
        Mean over the queries that have a relevant item; 0 if none has.

    >>> one = torch.ones(1, 4, dtype=torch.int8)
    >>> expected_map(one, torch.cat([one, -one]), torch.tensor([[True, False]]))
    1.0
    >>> expected_map(one, torch.cat([one, one]), torch.tensor([[True, False]]))
    0.75
    """
    bits = queries.shape[1]
    distance = ((bits - queries.float() @ database.float().T) / 2).long()
    zeros = torch.zeros(len(queries), bits + 1, dtype=torch.float64)
    items = zeros.scatter_add(1, distance, torch.ones_like(distance, dtype=torch.float64))
    hits = zeros.scatter_add(1, distance, relevant.double())
    before = items.cumsum(1) - items
    hits_before = hits.cumsum(1) - hits
    place = torch.arange(1, len(database) + 1, dtype=torch.float64).expand(len(queries), -1)
    tie = torch.sort(distance, dim=1).values
    t, r, seen, found = (table.gather(1, tie) for table in (items, hits, before, hits_before))
    slope = (r - 1) / (t - 1).clamp(min=1)
    precision = r / t * (found + 1 + (place - seen - 1) * slope) / place
    answerable = relevant.any(1)
    if not bool(answerable.any()):
        return 0.0
    average = precision.sum(1)[answerable] / relevant.sum(1)[answerable]
    return float(average.mean())
