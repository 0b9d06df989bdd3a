"""Rich consoles for a terminal, a pipe and a file. Imported only where they are used: rich is slow to import."""

from typing import TextIO

from rich.console import Console

from robusthash.cli.columns import PIPE_WIDTH, limit

_NARROWEST = 60  #: columns of a table; in fewer its names would vanish, and a terminal folds the lines itself


class _Pipeable(Console):
    def on_broken_pipe(self) -> None:
        """Raises, so that the command line ends as for any other output; rich would exit by itself."""
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """A console on a stream, as wide as its terminal, or wide enough for whole tables without one."""
    # Without a terminal, rich assumes 80 columns, and would truncate tables in pipes and files.
    columns = limit(stream)
    width = PIPE_WIDTH if columns is None else max(columns, _NARROWEST)
    return _Pipeable(file=stream, width=width, highlight=False)
