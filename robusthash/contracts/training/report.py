"""The report of a training."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainProbe:
    """Retrieval within the train split: at most 200 of its items are searched among at most 2,000 others.

    Attributes:
        epoch: number of finished epochs.
        map: mean average precision, in expectation over ties.
        floor: the same of random codes.
        constant_bits: number of bits, or of dimensions of descriptors, that are the same for all of these items.
    """

    epoch: int
    map: float
    floor: float
    constant_bits: int


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """How a training went. It is the same for the same seed, interrupted or not.

    Attributes:
        epochs: number of epochs.
        iterations: number of optimiser steps.
        losses: mean loss of each epoch.
        probes: retrieval within the train split during the training; the last is of the trained model.
    """

    epochs: int
    iterations: int
    losses: tuple[float, ...]
    probes: tuple[TrainProbe, ...]
