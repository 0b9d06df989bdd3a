"""The context of an attack that learns: it may train for hours, resume after a kill, and report its losses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from robusthash.contracts.attacking.access import CodeBank, Surrogate
from robusthash.contracts.attacking.threat import Threat
from robusthash.contracts.data.dataset import Split
from robusthash.contracts.randomness import Randomness
from robusthash.contracts.team import Team
from robusthash.files.snapshots import Snapshots


@dataclass(frozen=True, kw_only=True)
class LearningContext:
    """All that an attack may know and use while it learns.

    The record states what learning cost: passes counted by the surrogate's budget, and seconds.

    Attributes:
        surrogate: the model that it is crafted on.
        threat: the ball and the box that its results must stay in.
        train: the train split, with inputs and labels; a validation part is cut from it, as queries are never seen.
        bank: codes and labels of the train split, as the surrogate hashes it.
        random: randomness that depends only on the seed and the attack.
        device: where to compute; the surrogate is there.
        snapshots: where unfinished learning is stored, and resumed from after a kill; None stores nothing.
        progress: called with (done, total, what) during long steps.
        tell: called with (epochs done, all epochs, losses by name) after each epoch, for loggers. An epoch is what the
            attack makes of it, such as the steps between two validations. The first loss is the one that it goes by,
            unless there is one that is called ``validation``.
        team: the processes that learn together; an attack that shares out its batches is then faster.
        show: called now and then with (epochs done, clean inputs, attacked inputs) of a few train items, always the
            same ones; the host makes a picture of them. None where nobody looks.
    """

    surrogate: Surrogate
    threat: Threat
    train: Split
    bank: CodeBank
    random: Randomness
    device: torch.device
    snapshots: Snapshots | None = None
    team: Team = field(default_factory=Team)
    progress: Callable[[int, int, str], None] = lambda _done, _total, _what: None
    tell: Callable[[int, int, Mapping[str, float]], None] = lambda _epoch, _epochs, _losses: None
    show: Callable[[int, Tensor, Tensor], None] | None = None
