"""Numbers as users write them: ASCII digits, and nothing that only Python takes for a number. Importable without torch.

Python also reads ``1_000``, digits of every script, and numbers of any length, which are slow to read and break what
computes with them.
"""

import re

__all__ = ["decimal", "ratio", "whole"]

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")  # fits into 64 bits
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_LONGEST = 64  #: characters of a decimal


def whole(text: str) -> int:
    """Reads a whole number of up to 18 digits.

    Raises:
        ValueError: it is none.

    >>> whole(" -12 ")
    -12
    """
    stripped = text.strip(" ")
    if not _WHOLE.fullmatch(stripped):
        raise ValueError(f"{text!r} is not a whole number of at most 18 digits")
    return int(stripped)


def decimal(text: str) -> float:
    """Reads a decimal, or ``inf``.

    Raises:
        ValueError: it is none, or too large for a float.

    >>> decimal("2.5e-3"), decimal("-inf")
    (0.0025, -inf)
    """
    stripped = text.strip(" ")
    if _INFINITE.fullmatch(stripped):
        return float(stripped)
    if len(stripped) > _LONGEST or not _DECIMAL.fullmatch(stripped):
        raise ValueError(f"{text!r} is not a number")
    value = float(stripped)
    if abs(value) == float("inf"):
        raise ValueError(f"{text!r} is too large for a number")
    return value


def ratio(text: str) -> float:
    """Reads a decimal, or a fraction of two finite ones, such as ``8/255``.

    Raises:
        ValueError: it is neither.

    >>> ratio("51/255"), ratio("0.5")
    (0.2, 0.5)
    """
    above, fraction, below = text.partition("/")
    if not fraction:
        return decimal(text)
    numerator, denominator = decimal(above), decimal(below)
    try:
        value = numerator / denominator
    except ZeroDivisionError:
        raise ValueError(f"{text!r} divides by zero") from None
    if not abs(value) < float("inf") or abs(denominator) == float("inf"):
        raise ValueError(f"{text!r} is not a number")
    return value
