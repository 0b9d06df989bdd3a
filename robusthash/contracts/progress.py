"""Progress of long steps, and of trainings."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]  #: called with (done, total, what)

#: Called after each epoch of a training with (epochs done, all epochs, mean loss, MAP within the train split or None).
EpochWatch = Callable[[int, int, float, float | None], None]


def silent(done: int, total: int, what: str) -> None:
    """Ignores progress."""


def unwatched(epoch: int, epochs: int, loss: float, found: float | None) -> None:
    """Ignores an epoch."""
