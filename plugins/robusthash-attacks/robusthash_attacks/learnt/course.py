"""A course of learning: steps, validation, early stopping, snapshots, and refusal of what diverges."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from robusthash.contracts import LearningContext
from robusthash.errors import OptionError, TrainingError

_STATE, _BEST = "state", "best"


class Learner(Protocol):
    """What is learnt."""

    def step(self, step: int, progress: float) -> Mapping[str, float]:
        """Takes one step; the losses by name. ``progress`` is the share of the steps already taken."""

    def validate(self) -> float:
        """The loss on the validation part; lower is better."""

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, by name."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of :meth:`state`."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long something is learnt. The state that validates best is kept, of equal ones the later one.

    Attributes:
        steps: at most.
        every: steps between two validations.
        patience: validations without gain after which learning stops; 0 never stops early.
        what: name in progress lines.

    Raises:
        OptionError: a number is out of range.
    """

    steps: int
    every: int
    patience: int = 0
    what: str = "learning"

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("every", 1), ("patience", 0)):
            if getattr(self, name) < least:
                raise OptionError(f"{name}={getattr(self, name)}", hint=f"at least {least}")

    def run(self, learner: Learner, context: LearningContext) -> None:
        """Takes the steps, from the last snapshot on if there is one, and restores the best state.

        Raises:
            TrainingError: a loss became NaN or infinite.
        """
        done, best, waited, sums = 0, math.inf, 0, defaultdict[str, float](float)
        kept: Mapping[str, Tensor] = {}
        found = context.snapshots.load() if context.snapshots else None
        if found is not None:
            done, best, waited = found.about["done"], found.about["best"], found.about["waited"]
            sums.update(found.about["sums"])
            learner.restore(_under(_STATE, found.tensors))
            kept = _under(_BEST, found.tensors)
        while done < self.steps and not (self.patience and waited >= self.patience):
            losses = learner.step(done, done / self.steps)
            done += 1
            for name, loss in losses.items():
                _refuse_infinite(name, loss, done)
                sums[name] += loss
            context.progress(done, self.steps, self.what)
            if done % self.every == 0 or done == self.steps:
                value = learner.validate()
                _refuse_infinite("validation", value, done)
                taken = (done - 1) % self.every + 1
                means = {name: total / taken for name, total in sums.items()}
                context.tell(math.ceil(done / self.every), {**means, "validation": value})
                sums.clear()
                if value <= best:
                    best, waited = value, 0
                    kept = {name: tensor.detach().clone() for name, tensor in learner.state().items()}
                else:
                    waited += 1
            if context.snapshots is not None and context.snapshots.due:
                tensors = {f"{_STATE}.{name}": tensor for name, tensor in learner.state().items()}
                tensors |= {f"{_BEST}.{name}": tensor for name, tensor in kept.items()}
                about = {"done": done, "best": best, "waited": waited, "sums": dict(sums)}
                context.snapshots.save(tensors, about)
        learner.restore(kept)


def _refuse_infinite(name: str, loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"learning diverged: the loss {name!r} is {loss} at step {step}", hint="lower the learning rate"
        )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
