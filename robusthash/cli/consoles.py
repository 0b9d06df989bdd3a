"""Rich consoles for a terminal, a pipe and a file. Imported only where they are used: rich is slow to import."""

from typing import TextIO

from rich.console import Console

from robusthash.cli.columns import PIPE_WIDTH, limit


class _Pipeable(Console):
    def on_broken_pipe(self) -> None:
        """Raises, so that the command line ends as for any other output; rich would exit by itself."""
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """A console on a stream, as wide as its terminal, or wide enough for whole tables without one."""
    # Without a terminal, rich assumes 80 columns, and would truncate tables in pipes and files.
    return _Pipeable(file=stream, width=PIPE_WIDTH if limit(stream) is None else None, highlight=False)
