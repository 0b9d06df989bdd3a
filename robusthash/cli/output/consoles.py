"""Rich consoles for a terminal, a pipe and a file. Imported only where they are used: rich is slow to import."""

from typing import TextIO

from rich.console import Console

from robusthash.results.rendering.room import room


class _Pipeable(Console):
    def on_broken_pipe(self) -> None:
        """Raises, so that the command line ends as for any other output; rich would exit by itself."""
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """A console on a stream, as wide as its terminal, or endless without one: rich would assume 80 columns."""
    return _Pipeable(file=stream, width=room(stream), highlight=False)
