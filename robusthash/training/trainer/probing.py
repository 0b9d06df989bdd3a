"""Measures retrieval within the train split, to notice early that a training fails."""

from itertools import product

import torch

from robusthash.contracts import CrossModalHashModel, HashModel, Randomness, Split, TrainProbe, towers_of
from robusthash.errors import TrainingError
from robusthash.hashing import binarise, pack
from robusthash.metrics import Relevance, distance_histograms, random_floor
from robusthash.metrics.protocols import MeanAveragePrecision
from robusthash.training.networks import encode

PROBE_QUERIES = 200  #: largest number of train items used as queries; a fifth of a small split
PROBE_DATABASE = 2_000  #: largest number of other train items that are searched
COLLAPSE = 0.02  #: least share of the distance from the floor to 1; a model below it has learnt nothing


def probe(
    model: HashModel | CrossModalHashModel, split: Split, *, seed: int, epoch: int, device: torch.device
) -> TrainProbe:
    """Searches some train items among others, in the direction that retrieves worst; the query split is not used.

    Args:
        model: on ``device``.
        split: the train split.
        seed: of the run; the items are the same in each epoch.
        epoch: number of finished epochs.
        device: where to compute.
    """
    keys = Randomness(seed=seed, purpose="train-probe").uniform(torch.zeros(1, dtype=torch.int64), (len(split),))[0]
    order = torch.argsort(keys, stable=True)
    queries = max(1, min(PROBE_QUERIES, len(split) // 5))
    chosen = order[: queries + PROBE_DATABASE]
    codes = [
        binarise(encode(tower, split.view(name), device=device, indices=chosen)).cpu()
        for name, tower in towers_of(model).items()
    ]
    labels, packed = split.labels[chosen], [pack(one) for one in codes]
    found = [
        MeanAveragePrecision().per_query(
            distance_histograms(
                left[:queries], right[queries:], labels[:queries], labels[queries:], bits=model.space.size
            )
        )
        for left, right in product(packed, packed)
    ]
    return TrainProbe(
        epoch=epoch,
        map=min(scores.mean() for scores in found),
        floor=random_floor(labels[:queries], labels[queries:], relevance=Relevance.SHARE_ANY),
        constant_bits=max(int((one == one[0]).all(0).sum()) for one in codes),
    )


def refuse_collapsed(last: TrainProbe, bits: int) -> None:
    """Fails if the codes retrieve no better than random codes.

    Raises:
        TrainingError: they do not; the message says what to try.
    """
    if last.map - last.floor < COLLAPSE * (1 - last.floor):
        raise TrainingError(
            f"the training collapsed: MAP {last.map:.3f} within the train split, where random codes have "
            f"{last.floor:.3f}; {last.constant_bits} of {bits} bits are the same for every item. Nothing is saved",
            hint="try another learning rate (recipe.lr), more epochs (recipe.epochs), or a batch-paired objective",
        )
