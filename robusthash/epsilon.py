"""Parses and formats epsilon. Importable without torch."""

from robusthash.errors import OptionError
from robusthash.numerals import ratio

__all__ = ["LEVELS", "SLACK", "checked_epsilon", "format_epsilon", "parse_epsilon"]

LEVELS = 255  #: an uploaded image has 8 bits per channel
SLACK = 1e-3  #: tolerance as a share of one level, for the rounding of float32


def format_epsilon(epsilon: float) -> str:
    """Formats epsilon: in 255ths if it is a whole number of them, unless a short decimal is exact.

    >>> format_epsilon(8 / 255), format_epsilon(64 / 255), format_epsilon(0.3), format_epsilon(51 / 255)
    ('8/255', '64/255', '0.3', '0.2')
    """
    if epsilon == round(epsilon, 2):
        return f"{epsilon:g}"
    levels = epsilon * LEVELS
    if 0 < levels < LEVELS and abs(levels - round(levels)) < SLACK:
        return f"{round(levels)}/{LEVELS}"
    return f"{epsilon:.4g}"


def parse_epsilon(text: str) -> float:
    """Reads ``8/255`` or ``0.03``.

    Raises:
        OptionError: not a number, or outside [0, 1].

    >>> parse_epsilon("8/255") == 8 / 255
    True
    """
    try:
        value = ratio(text)
    except ValueError:
        raise OptionError(f"epsilon {text!r} is not a number", hint="write 8/255 or 0.03") from None
    return checked_epsilon(value)


def checked_epsilon(value: float) -> float:
    """The value, if it is in [0, 1].

    Raises:
        OptionError: it is not.
    """
    if not 0 <= value <= 1:
        raise OptionError(f"epsilon {value:g} is outside [0, 1]", hint="pixel space is [0, 1]: write 8/255, not 8")
    return value
