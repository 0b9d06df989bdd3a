"""Progress of long steps: a bar on a terminal, occasional lines in a pipe, nothing with --quiet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from robusthash.progress import INTERVAL, Lines, Report, bars, duration

__all__ = ["INTERVAL", "Lines", "Report", "duration", "progress"]


@contextmanager
def progress(*, quiet: bool) -> Iterator[Report]:
    """A callback for the core's long steps, called with (done, total, what).

    Args:
        quiet: shows nothing.
    """
    if quiet:
        yield lambda _done, _total, _what: None
    elif sys.stderr.isatty():
        from rich.console import Console

        with bars(Console(stderr=True)) as report:
            yield report
    else:
        yield Lines(echo=lambda line: click.echo(line, err=True)).report
