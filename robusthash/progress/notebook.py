"""Progress as bars in a notebook."""

import html
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from robusthash.progress.steps import Report, Step, Steps

_PATIENCE = 0.5  #: seconds before a bar is shown: short steps need none
_REFRESH = 0.1  #: seconds between updates


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


@contextmanager
def notebook_bars(*, clock: Callable[[], float] = time.monotonic) -> Iterator[Report]:
    """Shows bars in a notebook, in one output that is empty at the end. Rich would need ipywidgets.

    Args:
        clock: returns seconds; for tests.

    Yields:
        What the steps report to.
    """
    show: Callable[..., Any] = sys.modules["IPython"].display.display  # a notebook has already imported it

    steps = Steps(clock)
    drawn: Any = None
    last = clock() + _PATIENCE - _REFRESH

    def report(done: int, total: int, what: str) -> None:
        nonlocal drawn, last
        steps.report(done, total, what)
        if clock() - last < _REFRESH:
            return
        last = clock()
        if drawn is None:
            drawn = show(_drawn(steps.unfinished), raw=True, display_id=True)
        else:
            drawn.update(_drawn(steps.unfinished), raw=True)

    try:
        yield report
    finally:
        if drawn is not None:
            drawn.update(_drawn([]), raw=True)


def _drawn(steps: Sequence[Step]) -> dict[str, str]:
    """Unfinished steps, as text and HTML for a notebook."""
    lines = [
        f'<div><progress value="{one.done}" max="{one.total}"></progress> '
        f"{html.escape(one.what)}: {one.done}/{one.total}</div>"
        for one in steps
    ]
    told = "\n".join(f"{one.what}: {one.done}/{one.total}" for one in steps)
    return {"text/plain": told, "text/html": "".join(lines)}
