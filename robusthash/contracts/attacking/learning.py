"""What an attack that learns is handed: it may train for hours, go on after a kill, and say how it goes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from robusthash.contracts.attacking.access import CodeBank, Surrogate
from robusthash.contracts.attacking.threat import Threat
from robusthash.contracts.data.dataset import Split
from robusthash.contracts.randomness import Randomness
from robusthash.snapshots import Snapshots


@dataclass(frozen=True, kw_only=True)
class LearningContext:
    """All that an attack may know while it learns, and what it may use.

    What it costs is counted by the surrogate's budget and by the host's clock, and stands in the record.

    Attributes:
        surrogate: the model that it is crafted on.
        threat: how far it may go.
        train: the train split, with inputs and labels. A validation part is cut from it; queries are never seen.
        bank: codes and labels of the train split, as the surrogate sees it.
        random: randomness that depends on nothing but the seed and the attack.
        device: where to compute; the surrogate is there.
        snapshots: where an unfinished learning is kept, and taken up again after a kill; None keeps nothing.
        progress: called with (done, total, what) during long steps.
        tell: called with (epoch, losses by name) for whoever watches.
    """

    surrogate: Surrogate
    threat: Threat
    train: Split
    bank: CodeBank
    random: Randomness
    device: torch.device
    snapshots: Snapshots | None = None
    progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None
    tell: Callable[[int, Mapping[str, float]], None] = lambda _epoch, _losses: None
