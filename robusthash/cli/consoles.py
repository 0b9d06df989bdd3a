"""Rich consoles that suit a terminal, a pipe and a file. Imported only by what prints with them."""

import os
from typing import TextIO

from rich.console import Console

PIPE_WIDTH = 200  #: columns of a table that no terminal limits


class _Pipeable(Console):
    def on_broken_pipe(self) -> None:
        """Lets the command line end as it does for every other output; rich would exit by itself."""
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """A console on a stream, as wide as its terminal; wide enough for whole tables where there is none."""
    # Rich takes 80 columns where there is no terminal, and would cut what a pipe or a file is to hold in full.
    limited = stream.isatty() or "COLUMNS" in os.environ
    return _Pipeable(file=stream, width=None if limited else PIPE_WIDTH, highlight=False)
