"""A call into foreign code: contained, blamed, and without traces."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, Self

from robusthash.boundary import endings, output
from robusthash.boundary.blame import blaming
from robusthash.boundary.surroundings import Surroundings
from robusthash.errors import RobustHashError, RobustHashWarning


class foreign(blaming):  # noqa: N801 - read as a word: `with foreign(attack, "perturb a batch"):`
    """A block that calls code of others.

    * Its exceptions become project errors, as in :class:`blaming`. A KeyboardInterrupt that it raised itself is one of
      these; a real Ctrl-C ends the run, also if the code caught it.
    * ``os._exit`` becomes an error. Native code that ends the process cannot be stopped.
    * Global state that it has changed is restored: gradient mode, default dtype, random generators, number of threads,
      filters of warnings, environment, working folder. What others would have noticed is reported as a warning.
    * What it prints goes to standard error where standard output is reserved for results.

    It costs about a tenth of a millisecond: for calls that do a batch of work, not for single steps.

    Args:
        thing: whose code is called, as for :class:`blaming`.
        asked: what is asked of it, as for :class:`blaming`.
    """

    _passed = False  #: whether Ctrl-C was pressed in a pause
    _entered = False  #: whether there is something to restore: not in a pause

    def __enter__(self) -> Self:
        self._surroundings = Surroundings()
        self._streams = output.divert()
        self._endings = endings.hold()
        self._entered = True
        return self

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A block of code that the foreign code has called back: it may do what it likes."""
        try:
            try:
                if self._leave():  # it was swallowed
                    raise KeyboardInterrupt
                yield
            finally:
                self.__enter__()
        except KeyboardInterrupt:
            self._passed = True
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        left = self._leave()
        interrupted = self._passed or left
        if isinstance(error, KeyboardInterrupt):
            if interrupted is False:
                raise self.translated(error) from error
        elif interrupted:
            raise KeyboardInterrupt from error  # it was swallowed
        elif error is not None:
            self._blame(error)
        return False

    def _leave(self) -> bool | None:
        """Restores what was there before; whether Ctrl-C was pressed meanwhile, None if nobody knows."""
        if not self._entered:
            return None
        self._entered = False
        interrupted = self._endings.release()
        output.restore(self._streams)
        left = self._surroundings.restore()
        if left:
            warnings.warn(
                f"{self._named} changed {' and '.join(left)} while it was to {self._asked}; that is undone",
                RobustHashWarning,
                stacklevel=3,
            )
        return interrupted


def warned(thing: object, asked: str, call: Callable[[], object]) -> None:
    """Calls what only cleans up: its failure is a warning, because the results are there.

    Args:
        thing: whose code is called, as for :class:`blaming`.
        asked: what is asked of it, as for :class:`blaming`.
        call: the call.
    """
    try:
        with foreign(thing, asked):
            call()
    except RobustHashError as error:
        warnings.warn(str(error), RobustHashWarning, stacklevel=2)
