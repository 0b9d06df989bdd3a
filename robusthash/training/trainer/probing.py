"""Measures retrieval within the train split, to notice early that a training fails."""

import torch

from robusthash.contracts import HashModel, Randomness, Split, TrainProbe
from robusthash.errors import TrainingError
from robusthash.hashing import binarise, pack
from robusthash.metrics import Relevance, distance_histograms, random_floor
from robusthash.metrics.protocols import MeanAveragePrecision
from robusthash.training.networks import encode

PROBE_QUERIES = 200  #: largest number of train items used as queries; a fifth of a small split
PROBE_DATABASE = 2_000  #: largest number of other train items that are searched
COLLAPSE = 0.02  #: least share of the distance from the floor to 1; a model below it has learnt nothing


def probe(model: HashModel, split: Split, *, seed: int, epoch: int, device: torch.device) -> TrainProbe:
    """Searches some train items among others; the query split is not used.

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
    codes = binarise(encode(model, split.images, device=device, indices=chosen)).cpu()
    labels = split.labels[chosen]
    packed = pack(codes)
    histograms = distance_histograms(
        packed[:queries], packed[queries:], labels[:queries], labels[queries:], bits=model.space.size
    )
    return TrainProbe(
        epoch=epoch,
        map=MeanAveragePrecision().per_query(histograms).mean(),
        floor=random_floor(labels[:queries], labels[queries:], relevance=Relevance.SHARE_ANY),
        constant_bits=int((codes == codes[0]).all(0).sum()),
    )


def refuse_collapsed(last: TrainProbe, bits: int) -> None:
    """Fails if the codes retrieve no better than random codes.

    Raises:
        TrainingError: they do not; the message says what to try.
    """
    if last.map - last.floor < COLLAPSE * (1 - last.floor):
        raise TrainingError(
            f"the training collapsed: MAP {last.map:.3f} within the train split, where random codes have "
            f"{last.floor:.3f}; {last.constant_bits} of {bits} bits are the same for every image. Nothing is saved",
            hint="try another learning rate (recipe.lr), more epochs (recipe.epochs), or a batch-paired objective",
        )
