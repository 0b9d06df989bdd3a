"""Wraps text into columns of a terminal: between words, and within a word only where it is too long for a line."""

import re
import unicodedata
from collections.abc import Iterator

_PIECE = re.compile(r"[^-/_.:=,+]*[-/_.:=,+]*")  #: what ends with separators


def cells(text: str) -> int:
    r"""How many columns of a terminal a text takes: East Asian characters are wide, combining ones take none.

    >>> cells("dpsh"), cells("図"), cells("e\u0301")
    (4, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def wrap(text: str, width: int) -> list[str]:
    """The lines of a text: wrapped between words, and within a word that is too long, if it can be after a separator.

    >>> wrap("clean queries", 8), wrap("dpsh/prosgan-32bit", 13), wrap("abcdefgh", 5)
    (['clean', 'queries'], ['dpsh/prosgan-', '32bit'], ['abcde', 'fgh'])
    """
    lines = [""]
    for word in text.split():
        for place, piece in enumerate(_pieces(word, width)):
            joined = f"{lines[-1]}{'' if place or not lines[-1] else ' '}{piece}"
            if cells(joined) <= width or not lines[-1]:
                lines[-1] = joined
            else:
                lines.append(piece)
    return lines


def longest_word(text: str) -> int:
    """Columns of the longest word."""
    return max(map(cells, text.split()), default=0)


def longest_piece(text: str) -> int:
    """Columns of the longest part that is not wrapped after a separator."""
    return max((cells(piece) for word in text.split() for piece in _PIECE.findall(word)), default=0)


def _pieces(word: str, width: int) -> list[str]:
    """A word whole; one that is too long in what it is wrapped into."""
    if cells(word) <= width:
        return [word]
    return [part for piece in _PIECE.findall(word) if piece for part in _chopped(piece, width)]


def _chopped(piece: str, width: int) -> Iterator[str]:
    part = ""
    for one in piece:
        if part and cells(part + one) > width:
            yield part
            part = ""
        part += one
    yield part
