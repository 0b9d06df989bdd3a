"""Which steps are unfinished and how long they will take, told from reports alone."""

from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[[int, int, str], None]  #: called with (done, total, what)


@dataclass(kw_only=True)
class Step:
    """An unfinished step.

    Attributes:
        what: its latest text.
        done: how much of it is done.
        total: how much there is to do.
        began: when it was first reported, in seconds of the clock.
        found: how much was done then: work that an interrupted run has left took no time of this one.
    """

    what: str
    done: int
    total: int
    began: float
    found: int

    def left(self, now: float) -> float | None:
        """Seconds until it is done, at the rate so far; None as long as nothing is known."""
        made, passed = self.done - self.found, now - self.began
        return passed / made * (self.total - self.done) if made > 0 and passed > 0 else None


class Steps:
    """The unfinished steps, the outermost first.

    A text may change from report to report, as that of a training does with its loss. So a report is of the step that
    has its text, and otherwise of the innermost step if that is equally long. Any other begins a step inside. What is
    inside a step ends when that step is reported again, and whatever has failed ends with the next of its kind.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._steps: list[Step] = []

    @property
    def unfinished(self) -> list[Step]:
        """The unfinished steps, the outermost first. Another thread may read them."""
        return list(self._steps)

    def report(self, done: int, total: int, what: str) -> Step:
        """Takes a report.

        Returns:
            The step that it is of, which is no longer among the unfinished ones if all is done.
        """
        place = self._place(total, what)
        if place is None:
            step = Step(what=what, done=done, total=total, began=self._clock(), found=done)
            inside = [*self._steps, step]
        else:
            step, inside = self._steps[place], self._steps[: place + 1]
            if done < step.done:  # it starts over, or is the next of its kind
                step.began, step.found = self._clock(), done
            step.what, step.done, step.total = what, done, total
        self._steps = inside[:-1] if done >= total else inside
        return step

    def _place(self, total: int, what: str) -> int | None:
        """The step that a report is of; None if it begins one."""
        known = [step.what for step in self._steps]
        if what in known:
            return known.index(what)
        return len(known) - 1 if self._steps and self._steps[-1].total == total else None


def duration(seconds: float) -> str:
    """Formats seconds for people.

    >>> duration(7.6), duration(83), duration(7260)
    ('8 s', '1 min 23 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
