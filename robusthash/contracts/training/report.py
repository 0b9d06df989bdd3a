"""What a training says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainProbe:
    """Retrieval within the train split, at most 200 of its items searching at most 2,000 others.

    Attributes:
        epoch: epochs finished.
        map: mean average precision, ties in expectation.
        floor: what codes that say nothing score.
        constant_bits: bits that are the same for all items probed.
    """

    epoch: int
    map: float
    floor: float
    constant_bits: int


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """How a training went: the same for the same seed, interrupted or not.

    Attributes:
        epochs: how many were made.
        iterations: optimiser steps.
        losses: mean loss of each epoch.
        probes: retrieval within the train split on the way; the last is the trained model's.
    """

    epochs: int
    iterations: int
    losses: tuple[float, ...]
    probes: tuple[TrainProbe, ...]
