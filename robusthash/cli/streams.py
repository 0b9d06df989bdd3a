"""The streams of the installed command: standard output is for results alone, also below Python."""

import faulthandler
import os
import sys
import warnings
from typing import TextIO

from robusthash.errors import RobustHashWarning


def claim_streams() -> None:
    """Keeps standard output for results, and says what happens to the process on standard error.

    Results are written to a copy of standard output. The descriptor itself becomes standard error, where prints of
    native code, of child processes, and of threads that plugins have started do not break ``--json``. A crash of native
    code shows where it was called, and warnings of this package are one line.
    """
    faulthandler.enable()
    warnings.showwarning = _show
    try:
        descriptor = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return  # one of them is closed, or no file
    sys.stdout = open(  # noqa: SIM115, PTH123 - open as long as the process
        descriptor,
        "w",
        encoding=sys.stdout.encoding,
        errors=sys.stdout.errors,
        buffering=1 if os.isatty(descriptor) else -1,
    )


_show_others = warnings.showwarning


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, RobustHashWarning):
        print(f"warning: {message}", file=file or sys.stderr)
    else:
        _show_others(message, category, filename, lineno, file, line)
