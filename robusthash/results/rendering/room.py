"""How many columns of text a stream has room for."""

import os
import shutil
from typing import TextIO

from robusthash.results.rendering.fitting import ENDLESS

_NARROWEST = 20  #: columns; a terminal narrower than that wraps the lines itself


def room(stream: TextIO) -> int:
    """Columns of a stream: those of its terminal, or those that ``COLUMNS`` says.

    Without either it is ``ENDLESS``: pipes and files hold everything, as does a terminal with ``COLUMNS=0``.
    """
    asked = os.environ.get("COLUMNS", "")
    if asked == "0" or not (stream.isatty() or asked):
        return ENDLESS
    return min(ENDLESS, max(_NARROWEST, shutil.get_terminal_size().columns))
