"""Progress of long steps."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]  #: called with (done, total, what)


def silent(done: int, total: int, what: str) -> None:
    """Ignores progress."""
