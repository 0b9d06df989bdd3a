"""Gradient attacks with few steps, each as good as its step size allows: rungs, from one step to a hundred."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from benchmarks.stage import Run, Stage

STEPS = (1, 2, 3, 5, 10, 20, 50, 100)
USUAL = 1 / 8  #: step size as a share of epsilon
WHOLE = 2.0  #: the largest that makes a difference: from one end of the ball to the other
REACH = (1.5,)  #: how far all steps together may go, in epsilon, where that asks for larger ones


@dataclass(frozen=True, kw_only=True)
class Rung:
    """An attack with some steps, from some start.

    Attributes:
        attack: its name.
        start: zero, random, or the name of an attack that learns.
        steps: how many.
        share: step size as a share of epsilon.
        run: what it cost.
        precisions: (n,) float64, average precisions, by the target label of a targeted attack.
    """

    attack: str
    start: str
    steps: int
    share: float
    run: Run
    precisions: Tensor

    @property
    def score(self) -> float:
        """MAP, or t-MAP of a targeted attack."""
        return self.precisions.mean().item()


def shares(steps: int, reach: Sequence[float] = REACH) -> list[float]:
    """Step sizes worth trying, as shares of epsilon: the usual one, and those with which so few steps get that far.

    >>> shares(3), shares(50), shares(1, (1.5, 2.5))
    ([0.125, 0.5], [0.125], [0.125, 1.5, 2.0])
    """
    return [USUAL, *(wide for far in reach if (wide := min(WHOLE, far / steps)) > USUAL)]


def ladder(
    stage: Stage,
    attack: str,
    *,
    targeted: bool,
    start: str = "zero",
    steps: Sequence[int] = STEPS,
    reach: Sequence[float] = REACH,
) -> Iterator[Rung]:
    """The rungs of an attack, each with the better of its step sizes.

    Args:
        stage: the victim.
        attack: registered name of a gradient attack.
        targeted: whether a higher score is the better one.
        start: of each run.
        steps: of each rung.
        reach: how far all steps of a rung together may go, in epsilon: a step size to try for each.
    """
    rows = range(stage.queries)
    for count in steps:
        tried = []
        for share in shares(count, reach):
            run = stage.run(attack, rows, steps=count, step_size=share * stage.epsilon, start=start)
            precisions = stage.precisions(attack, run.codes, rows)
            tried.append(Rung(attack=attack, start=start, steps=count, share=share, run=run, precisions=precisions))
        yield max(tried, key=lambda rung: rung.score if targeted else -rung.score)
