"""The standard streams as the command line needs them: open, and able to write every name."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from robusthash.cli.lines import line
from robusthash.errors import RobustHashWarning


def prepare_streams() -> None:
    """Makes the streams fit for output: a closed one swallows it, and one of another encoding escapes what it lacks."""
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY)):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this process
            handle = os.open(os.devnull, flags)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w"))
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def told_warnings() -> Iterator[None]:
    """Shows the library's warnings as lines on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", RobustHashWarning)
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: TextIO | str | None) -> None:
            if issubclass(category, RobustHashWarning):
                line(f"warning: {message}", err=True)
            else:
                shown(message, category, *where, **more)  # type: ignore[arg-type]

        warnings.showwarning = show  # type: ignore[assignment]
        yield
