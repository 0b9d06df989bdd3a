"""On which line of a TOML file a key stands, which its parser does not tell."""

import re
import tomllib
from typing import Any

_HEAD = re.compile(r"\s*\[\[?(?P<path>.+?)\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?P<path>[^=#\[\]]+?)\s*=")


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The first line that a key stands on, or the head of its table; of one in braces, that of the whole table.

    Args:
        text: of the file.
        path: the key, after the names of its tables.

    Returns:
        The number of the line, from 1; None if it is not found.

    >>> line_of('a = 1\\n[options.rnm]\\nsteps = 3', ("options", "rnm", "steps"))
    3
    """
    whole = (path[:length] for length in range(len(path), 0, -1))
    return next((line for line in (_line_of(text, one) for one in whole) if line is not None), None)


def _line_of(text: str, path: tuple[str, ...]) -> int | None:
    head: tuple[str, ...] = ()
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        found = _HEAD.fullmatch(line)
        if found:
            head = _path(f"[{found['path']}]")
            here = head
        else:
            key = _KEY.match(line)
            here = head + _path(f"{key['path']} = 0") if key else ()
        if here[: len(path)] == path:
            return number
    return None


def _path(toml: str) -> tuple[str, ...]:
    """The names in a head or a key; none if it is neither, such as a line of a longer text."""
    try:
        content: Any = tomllib.loads(toml)
    except ValueError:
        return ()
    names = []
    while isinstance(content, dict) and content:
        name, content = next(iter(content.items()))
        names.append(name)
    return tuple(names)
