"""Progress of long steps: a bar on a terminal, occasional lines elsewhere, nothing with --quiet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from robusthash.cli.output.lines import line
from robusthash.progress import Lines, Report, animates, bars


@contextmanager
def progress(*, quiet: bool) -> Iterator[Report]:
    """A callback for the core's long steps, called with (done, total, what).

    Args:
        quiet: shows nothing.
    """
    if quiet:
        yield lambda _done, _total, _what: None
    elif animates(sys.stderr):
        from rich.console import Console

        with bars(Console(stderr=True)) as report:
            yield report
    else:
        yield Lines(echo=lambda told: line(told, err=True)).report
