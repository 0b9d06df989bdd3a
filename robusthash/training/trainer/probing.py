"""Measures retrieval within the train split, to notice early that a training fails."""

from itertools import product

import torch
from torch import Tensor

from robusthash.contracts import CrossModalHashModel, HashModel, Randomness, Space, Split, TrainProbe, towers_of
from robusthash.errors import TrainingError
from robusthash.metrics import Relevance, Scores, random_floor, ranked_counts
from robusthash.metrics.protocols import MeanAveragePrecision
from robusthash.training.networks import encode

PROBE_QUERIES = 200  #: largest number of train items used as queries; a fifth of a small split
PROBE_DATABASE = 2_000  #: largest number of other train items that are searched
COLLAPSE = 0.02  #: least share of the distance from the floor to 1; a model below it has learnt nothing
_PROTOCOL = MeanAveragePrecision()


def probe(
    model: HashModel | CrossModalHashModel, split: Split, *, seed: int, epoch: int, device: torch.device
) -> TrainProbe:
    """Searches some train items among others, in the direction that retrieves worst; the query split is not used.

    They are compared as the model's space says: codes by their bits, descriptors by their distance.

    Args:
        model: on ``device``.
        split: the train split.
        seed: of the run; the items are the same in each epoch.
        epoch: number of finished epochs.
        device: where to compute.

    Raises:
        TrainingError: outputs are NaN or infinite.
    """
    keys = Randomness(seed=seed, purpose="train-probe").uniform(torch.zeros(1, dtype=torch.int64), (len(split),))[0]
    order = torch.argsort(keys, stable=True)
    queries = max(1, min(PROBE_QUERIES, len(split) // 5))
    chosen = order[: queries + PROBE_DATABASE]
    labels, space = split.labels[chosen], model.space
    items = [
        _represented(space, encode(tower, split.view(name), device=device, indices=chosen)).cpu()
        for name, tower in towers_of(model).items()
    ]
    sides = (labels[:queries], labels[queries:])
    found = [
        Scores.cat(
            [_PROTOCOL.per_query(part) for part in ranked_counts(left[:queries], right[queries:], *sides, space=space)]
        )
        for left, right in product(items, items)
    ]
    return TrainProbe(
        epoch=epoch,
        map=min(scores.mean() for scores in found),
        floor=random_floor(*sides, relevance=Relevance.SHARE_ANY),
        constant_bits=max(int((one == one[0]).all(0).sum()) for one in map(space.codes, items)),
    )


def _represented(space: Space, outputs: Tensor) -> Tensor:
    broken = int((~outputs.isfinite()).any(1).sum())
    if broken:
        raise TrainingError(
            f"the model's outputs are NaN or infinite for {broken} of {len(outputs)} items of the train split",
            hint="lower the learning rate (recipe.lr), and check the weights that it started from",
        )
    return space.represent(outputs)


def refuse_collapsed(last: TrainProbe, space: Space) -> None:
    """Fails if a model retrieves no better than random codes.

    Args:
        last: of the trained model.
        space: where its outputs are compared.

    Raises:
        TrainingError: they do not; the message says what to try.
    """
    if last.map - last.floor < COLLAPSE * (1 - last.floor):
        parts = "bits" if space.binary else "dimensions"
        raise TrainingError(
            f"the training collapsed: MAP {last.map:.3f} within the train split, where random codes have "
            f"{last.floor:.3f}; {last.constant_bits} of {space.size} {parts} are the same for every item. Nothing is "
            "saved",
            hint="try another learning rate (recipe.lr), more epochs (recipe.epochs), or a batch-paired objective",
        )
