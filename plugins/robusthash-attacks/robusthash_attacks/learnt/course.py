"""A course of learning: steps, validation, early stopping, snapshots, and refusal of what diverges."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from robusthash.contracts import LearningContext
from robusthash.errors import OptionError, TrainingError
from robusthash.training import prefixed, under

_STATE, _BEST = "state", "best"
_SHOWN = 4  #: pictures of a course, at most


class Learner(Protocol):
    """What is learnt."""

    def step(self, step: int, progress: float) -> Mapping[str, float]:
        """Takes one step; the losses by name. ``progress`` is the share of the steps already taken."""

    def validate(self) -> float:
        """The loss on the validation part; lower is better."""

    def watch(self) -> tuple[Mapping[str, float], Sequence[str]]:
        """Other numbers to tell at a validation, by name, and what is wrong with what is learnt, in words."""

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, by name."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of :meth:`state`."""


@runtime_checkable
class Shown(Protocol):
    """A learner that has something to look at."""

    def shown(self) -> tuple[Tensor, Tensor]:
        """A few train items, always the same ones, clean and attacked."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long something is learnt. The state that validates best is kept, of equal ones the later one.

    Attributes:
        steps: at most.
        every: steps between two validations.
        patience: validations without gain after which learning stops; 0 never stops early.
        what: name in progress lines, which also tell the losses, and what is wrong with what is learnt.

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

    @property
    def epochs(self) -> int:
        """Number of validations, if it does not stop early."""
        return math.ceil(self.steps / self.every)

    @property
    def _shows(self) -> int:
        """Validations between two that are shown."""
        return math.ceil(self.epochs / _SHOWN)

    def run(self, learner: Learner, context: LearningContext) -> None:
        """Takes the steps, from the last snapshot on if there is one, and restores the best state.

        Raises:
            TrainingError: a loss became NaN or infinite.
        """
        best: float | None = None
        done, waited, what = 0, 0, self.what
        sums, counts = defaultdict[str, float](float), defaultdict[str, int](int)
        kept: Mapping[str, Tensor] = {}
        found = context.snapshots.load() if context.snapshots else None
        if found is not None:
            done, best, waited, what = (found.about[name] for name in ("done", "best", "waited", "what"))
            sums.update(found.about["sums"])
            counts.update(found.about["counts"])
            learner.restore(under(_STATE, found.tensors))
            kept = under(_BEST, found.tensors)
        while done < self.steps and not (self.patience and waited >= self.patience):
            losses = learner.step(done, done / self.steps)
            done += 1
            for name, loss in losses.items():
                _refuse_infinite(name, loss, done)
                sums[name] += loss
                counts[name] += 1
            context.progress(done, self.steps, what)
            if done % self.every == 0 or done == self.steps:
                value = context.team.agreed(learner.validate())
                _refuse_infinite("validation", value, done)
                means = {name: total / counts[name] for name, total in sums.items()}
                signs, faults = learner.watch()
                told = {**means, "validation": value}
                what = "; ".join([f"{self.what}, {_in_words(told)}", *faults])
                epoch = math.ceil(done / self.every)
                context.tell(epoch, self.epochs, {**told, **signs})
                looked_at = epoch % self._shows == 0 or epoch == self.epochs
                if context.show is not None and looked_at and isinstance(learner, Shown):
                    context.show(epoch, *learner.shown())
                sums.clear()
                counts.clear()
                if best is None or value <= best:
                    best, waited = value, 0
                    kept = {name: tensor.detach().clone() for name, tensor in learner.state().items()}
                else:
                    waited += 1
            if context.snapshots is not None and context.snapshots.due:
                tensors = prefixed(_STATE, learner.state()) | prefixed(_BEST, kept)
                about = {"done": done, "best": best, "waited": waited, "what": what, "sums": sums, "counts": counts}
                context.snapshots.save(tensors, about)
        learner.restore(kept)


def _in_words(losses: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {loss:.4g}" for name, loss in losses.items())


def _refuse_infinite(name: str, loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"learning diverged: the loss {name!r} is {loss} at step {step}", hint="lower the learning rate"
        )
