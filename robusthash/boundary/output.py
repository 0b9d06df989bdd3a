"""Standard output belongs to results: what foreign code prints goes to standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_reserved = False

Streams = tuple[TextIO, TextIO]


@contextmanager
def results_on_stdout() -> Iterator[None]:
    """Reserves standard output for results: what foreign code prints meanwhile goes to standard error.

    The command line needs it, because what it prints is read by programs. In a notebook or a script, where it is not
    used, prints stay where they are.
    """
    global _reserved
    before, _reserved = _reserved, True
    try:
        yield
    finally:
        _reserved = before


def divert() -> Streams:
    """Replaces standard output by standard error if it is reserved; returns what :func:`restore` needs."""
    before = sys.stdout, sys.stderr
    if _reserved:
        sys.stdout = sys.stderr
    return before


def restore(before: Streams) -> None:
    """Restores both streams, whatever has been put in their place."""
    sys.stdout, sys.stderr = before
