"""The pace at which something is drawn again and again, so that the drawing takes little of the processor."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pace:
    """Says when it is time to draw again.

    A drawing takes a millisecond or two, which is little in half a second of work. But a process that shares its
    processor with others works less in that time, and a slow terminal takes longer. So there is a next drawing once
    the process has worked many times as long as the last one took.

    Args:
        pause: seconds between two drawings, at least.
        share: times what a drawing took is what the process works before the next.
        longest: seconds between two drawings, at most, of a process that waits.
        clock: returns seconds.
        work: returns the seconds that the process has worked.
    """

    def __init__(
        self,
        *,
        pause: float,
        share: float,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[], float] = time.process_time,
    ) -> None:
        self._pause, self._share, self._longest = pause, share, longest
        self._clock, self._work = clock, work
        self._last, self._worked, self._took = clock(), work(), 0.0

    def due(self) -> bool:
        """Whether it is time."""
        passed = self._clock() - self._last
        if passed < self._pause:
            return False
        return passed >= self._longest or self._work() - self._worked >= self._share * self._took

    def drawn(self, took: float) -> None:
        """Notes that something was drawn, and how many seconds of work it took."""
        self._last, self._worked, self._took = self._clock(), self._work(), took


@contextmanager
def drawing(draw: Callable[[], None], *, pause: float, share: float, longest: float) -> Iterator[None]:
    """Draws at this pace in a thread of its own.

    Args:
        draw: what draws.
        pause: as for :class:`Pace`.
        share: likewise.
        longest: likewise.
    """
    pace, ended = Pace(pause=pause, share=share, longest=longest), threading.Event()

    def run() -> None:
        while not ended.wait(pause):
            if pace.due():
                before = time.thread_time()
                draw()
                pace.drawn(time.thread_time() - before)

    thread = threading.Thread(target=run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
