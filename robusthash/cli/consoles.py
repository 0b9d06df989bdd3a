"""Rich consoles that suit a terminal, a pipe and a file. Imported only by what prints with them."""

from typing import TextIO

from rich.console import Console

from robusthash.cli.columns import PIPE_WIDTH, limit


class _Pipeable(Console):
    def on_broken_pipe(self) -> None:
        """Lets the command line end as it does for every other output; rich would exit by itself."""
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """A console on a stream, as wide as its terminal; wide enough for whole tables where there is none."""
    # Rich takes 80 columns where there is no terminal, and would cut what a pipe or a file is to hold in full.
    return _Pipeable(file=stream, width=PIPE_WIDTH if limit(stream) is None else None, highlight=False)
