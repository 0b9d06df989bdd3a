"""Takes the pictures of the documentation: commands in an emulated terminal of 60, 80 and 120 columns.

Usage: ``python docs/picture.py``. It trains, attacks and compares in a temporary folder, which takes a minute or two.
"""

import fcntl
import io
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
WIDTHS = (60, 80, 120)  #: columns
HEIGHT = 34  #: lines
JOB = ("eval", "--model", "dpsh", "--attack", "rnm", "--jpeg", "75")
TRAINING = ("train", "--model", "dpsh", "--bits", "16", "-o", "train.epochs=30")

_NAMES = {"brown": "yellow"}  #: colours that pyte names otherwise than rich


def main() -> None:
    """Takes all pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = {"ROBUSTHASH_CACHE": str(folder / "cache")}
        screen(JOB, 120, folder, own)
        noise, rnm = (str(next(folder.rglob(f"{attack}-*.json")).relative_to(folder)) for attack in ("noise", "rnm"))
        for width in WIDTHS:
            for title, command in {
                "leaderboard": ("leaderboard",),
                "show": ("show", rnm),
                "compare": ("compare", noise, rnm),
            }.items():
                save(screen(command, width, folder, own), title, command, width)
            fresh = {"ROBUSTHASH_CACHE": str(folder / f"cache-{width}")}
            save(screen(TRAINING, width, folder, fresh, until=_half_way), "training", TRAINING, width)
        picture = screen(JOB, 96, folder, own)
        board = [line for line in picture.lines if "stored in the cache" not in line.plain][: picture.table]
        write(DOCS / "leaderboard.svg", board, 96, JOB)


class Screen:
    """What an emulated terminal shows, and what has scrolled out of it.

    Args:
        emulated: by pyte.
    """

    def __init__(self, emulated: pyte.HistoryScreen) -> None:
        lines = [*emulated.history.top, *(emulated.buffer[row] for row in range(emulated.lines))]
        self.lines = [_styled(line, emulated.columns) for line in lines]
        while self.lines and not self.lines[-1].plain.strip():
            self.lines.pop()

    @property
    def text(self) -> list[str]:
        """The lines without their styles, and without blanks behind."""
        return [line.plain.rstrip() for line in self.lines]

    @property
    def table(self) -> int:
        """How many lines there are up to the first empty one after a table."""
        rule = next(number for number, line in enumerate(self.text) if line.startswith("──"))
        return next(number for number, line in enumerate(self.text) if number > rule and not line)


def screen(
    arguments: Sequence[str],
    width: int,
    folder: Path,
    variables: Mapping[str, str],
    *,
    until: Callable[[Sequence[str]], bool] = lambda _: False,
) -> Screen:
    """Runs a command in an emulated terminal.

    Args:
        arguments: of ``robusthash``.
        width: columns of the terminal.
        folder: where it is run.
        variables: of its environment, besides those of this process.
        until: told the lines shown, says whether to stop there.

    Returns:
        What the terminal shows in the end.
    """
    emulated = pyte.HistoryScreen(width, HEIGHT, history=1000)
    stream = pyte.ByteStream(emulated)
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        unset = {"COLUMNS", "CI"}
        own = {name: value for name, value in os.environ.items() if name not in unset}
        own |= {"TERM": "xterm-256color", **variables}
        os.execve(sys.executable, [sys.executable, "-m", "robusthash", *arguments], own)  # noqa: S606 - our own command
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, width, 0, 0))
    try:
        while not until(emulated.display):
            if select.select([terminal], [], [], 0.2)[0]:
                stream.feed(os.read(terminal, 65536))
    except OSError:  # how a terminal says that its last process has ended
        pass
    finally:
        shown = Screen(emulated)
        os.close(terminal)  # hangs up, if it is still running
        os.waitpid(process, 0)
    return shown


def _half_way(lines: Sequence[str]) -> bool:
    found = (re.search(r"(\d+)/(\d+), .* left", line) for line in lines)
    return any(match and int(match[1]) * 2 > int(match[2]) for match in found)


def _styled(line: Mapping[int, pyte.screens.Char], width: int) -> Text:
    text = Text(no_wrap=True)
    for style, run in groupby((line[column] for column in range(width)), key=_style):
        text.append("".join(one.data for one in run), style)
    text.rstrip()
    return text


def _style(one: pyte.screens.Char) -> str:
    colour = _NAMES.get(one.fg, one.fg)
    colour = f"#{colour}" if re.fullmatch("[0-9a-f]{6}", colour) else colour
    return f"{'bold ' if one.bold else ''}{'italic ' if one.italics else ''}{colour}"


def save(shown: Screen, title: str, command: Sequence[str], width: int) -> None:
    """Saves what a terminal shows as a picture, the last lines of what is longer."""
    write(DOCS / "screens" / f"{title}-{width}.svg", shown.lines[-HEIGHT:], width, command)


def write(path: Path, lines: Sequence[Text], width: int, command: Sequence[str]) -> None:
    """Writes lines as an SVG."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(line, crop=True)
    title = "robusthash " + " ".join(re.sub(r"results/\S+/(\S+)", r"\1", word) for word in command)
    # The fonts that rich names would be fetched from elsewhere; the reader's own will do.
    picture = re.sub(
        r"@font-face \{.*?\}\s*", "", console.export_svg(title=title, unique_id=path.stem), flags=re.DOTALL
    )
    path.parent.mkdir(exist_ok=True)
    path.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
