"""Draws the README's picture: the leaderboard of a results folder, as ``robusthash leaderboard`` shows it.

Usage: ``robusthash eval --model dpsh --attack rnm && python docs/picture.py results``
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from robusthash.results import ResultStore, build_leaderboard, render

PICTURE = Path(__file__).parent / "leaderboard.svg"
COMMAND = "robusthash eval --model dpsh --attack rnm"


def main() -> None:
    """Writes the picture of the results folder named on the command line."""
    records, _ = ResultStore(Path(sys.argv[1])).load_all()
    console = Console(record=True, width=96, file=io.StringIO(), force_terminal=True)
    console.print(render(build_leaderboard(records)))
    # The fonts that rich names would be fetched from elsewhere; the reader's own will do.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title=COMMAND), flags=re.DOTALL)
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
