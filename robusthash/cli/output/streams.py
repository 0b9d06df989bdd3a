"""The streams of the installed command: open, able to write every name, and standard output for results alone."""

import codecs
import contextlib
import faulthandler
import io
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

from robusthash.cli.output.lines import line
from robusthash.errors import RobustHashNote, RobustHashWarning

_ESCAPED = "robusthash"  #: name of the handler of what the encoding of a stream lacks

# One character for one, so that tables stay aligned; · becomes a dash, a bar and the blocks of plots a rough likeness.
_ALIKE = str.maketrans("·±…─━▁▂▃▄▅▆▇█", "-~.--_.:-=+*#")


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    """What a stream writes instead of what its encoding lacks: something alike, or an escape."""
    if isinstance(error, UnicodeEncodeError):
        lacking = error.object[error.start : error.end]
        if (alike := lacking.translate(_ALIKE)).isascii():
            return alike, error.end
    return codecs.backslashreplace_errors(error)


codecs.register_error(_ESCAPED, _replaced)


def claim_streams() -> None:
    """Opens what is closed, keeps standard output for results, and says what happens to the process on standard error.

    Results are written to a copy of standard output. The descriptor itself becomes standard error, where prints of
    native code, of child processes, and of threads that plugins have started do not break ``--json``. A crash of native
    code shows where it was called. A closed stream swallows what is written, and one of another encoding escapes what
    it lacks.
    """
    _open_closed()
    faulthandler.enable()
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors=_ESCAPED)
    try:
        descriptor = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (OSError, ValueError):
        return  # one of them is no file
    sys.stdout = open(  # noqa: SIM115, PTH123 - open as long as the process
        descriptor,
        "w",
        encoding=sys.stdout.encoding,
        errors=_ESCAPED,
        buffering=1 if os.isatty(descriptor) else -1,
    )


def _open_closed() -> None:
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:  # closed by whoever started this process
            handle = os.open(os.devnull, flags)
            setattr(sys, name, os.fdopen(handle, "r" if name == "stdin" else "w"))


@contextlib.contextmanager
def told_warnings() -> Iterator[None]:
    """Shows the library's warnings as lines on standard error, and each of its notes once."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", RobustHashWarning)
        shown, noted = warnings.showwarning, set[str]()

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: TextIO | str | None) -> None:
            if issubclass(category, RobustHashNote):
                if str(message) not in noted:
                    line(f"note: {message}", err=True)
                noted.add(str(message))
            elif issubclass(category, RobustHashWarning):
                line(f"warning: {message}", err=True)
            else:
                shown(message, category, *where, **more)  # type: ignore[arg-type]

        warnings.showwarning = show  # type: ignore[assignment]
        yield
