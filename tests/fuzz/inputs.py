"""What the parsers are given: sound inputs with changes that a stranger, or a broken disk, might make."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

#: What has broken parsers before, here and elsewhere.
TOKENS = (
    *("", "\0", "\n", "\r\n", "\t", " ", "\ufeff", "\u202e", "\u200b", "\x1b[2J", "\ud800", "é", "𝟙", "٣", "x" * 5000),
    *(
        "0",
        "-1",
        "1e99999999",
        "1e308",
        "nan",
        "inf",
        "-inf",
        "9" * 5000,
        "0x10",
        "1_000",
        "1/0",
        "/",
        "8/255",
        "5e-324",
    ),
    *(
        "none",
        "true",
        "null",
        "{",
        "}",
        "[",
        "]",
        "[[",
        '"',
        "'",
        '"""',
        "=",
        ".",
        ",",
        ";",
        ":",
        "#",
        "@",
        "\\",
        "~",
        "~nobody",
    ),
    *(
        "../",
        "/etc/passwd",
        "..",
        "a" * 300,
        "map@1000",
        "map@",
        "@",
        "map@-1",
        "file.py:build",
        "$(x)",
        "%s",
        "{0}",
        "*",
        "[!",
    ),
    *("\x93NUMPY", "PK\x03\x04", "\x80\x02", "MATLAB 5.0", "\x89HDF\r\n\x1a\n"),
)

_NUMBERS = (0, -1, 1, 2**31, 2**63, 10**400, 0.5, 5e-324, 1e308, -1e308, float("inf"), float("nan"))
_EXTREMES = st.sampled_from([*_NUMBERS, True, None, "", [], {}, [[]], [{}], {"a": 1}, {"": {}}, ["a", 1]])
VALUES = st.one_of(
    _EXTREMES,
    st.sampled_from(TOKENS),
    st.recursive(
        _EXTREMES, lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3)
    ),
)  #: JSON values, and numbers that are none


@st.composite
def texts(draw: st.DrawFn, sound: Sequence[str]) -> str:
    """Sound texts with some places removed, repeated or replaced."""
    text = draw(st.sampled_from(sound))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 8)))
        new = draw(st.sampled_from(TOKENS) | st.text(max_size=5) | st.just(text[start:end] * 2))
        text = text[:start] + new + text[end:]
    return text


@st.composite
def binaries(draw: st.DrawFn, sound: Sequence[bytes]) -> bytes:
    """Sound files with some bytes changed, removed or added, or cut off."""
    content = draw(st.sampled_from(sound))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 4, 8, 100])))
        new = draw(st.binary(max_size=8) | st.sampled_from([token.encode(errors="replace") for token in TOKENS]))
        content = content[:start] + new + content[end:]
    return content[: draw(st.integers(0, len(content)))] if draw(st.integers(0, 9)) == 0 else content


@st.composite
def plain(draw: st.DrawFn, sound: Any, finish: Callable[[Any], None] = lambda content: None) -> Any:
    """A sound JSON value in which some values, names or places have been changed.

    Args:
        draw: given by hypothesis.
        sound: the value.
        finish: makes the rest consistent with the changes, such as a digest.
    """
    content = json.loads(json.dumps(sound))
    for _ in range(draw(st.integers(1, 3))):
        above, name = draw(st.sampled_from(list(_places(content)) or [(None, None)]))
        if above is None:
            return draw(VALUES)
        change = draw(st.sampled_from(["set", "set", "remove", "rename"]))
        if change == "set":
            above[name] = deepcopy(draw(VALUES))  # it may be changed in its turn
        elif isinstance(above, dict) and change == "rename":
            above[draw(st.sampled_from(TOKENS))] = above.pop(name)
        else:
            del above[name]
    finish(content)
    return content


def _places(content: Any) -> Any:
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, one in list(inside):
        yield content, name
        yield from _places(one)
