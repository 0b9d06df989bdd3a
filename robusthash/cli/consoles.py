"""Rich consoles for a terminal, a pipe and a file. Imported only where they are used: rich is slow to import."""

import os
from typing import TextIO

from rich.console import Console

PIPE_WIDTH = 200  #: columns of a table without a terminal


class _Pipeable(Console):
    def on_broken_pipe(self) -> None:
        """Raises, so that the command line ends as for any other output; rich would exit by itself."""
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """A console on a stream, as wide as its terminal, or wide enough for whole tables without one."""
    # Without a terminal, rich assumes 80 columns, and would truncate tables in pipes and files.
    limited = stream.isatty() or "COLUMNS" in os.environ
    return _Pipeable(file=stream, width=None if limited else PIPE_WIDTH, highlight=False)
