"""The radius of a threat: parses, checks and formats it. Importable without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

from robusthash.errors import OptionError
from robusthash.limits import LARGEST
from robusthash.numerals import ratio, whole
from robusthash.specs import Norm

__all__ = [
    "LEVELS",
    "SLACK",
    "Edits",
    "Radius",
    "checked_edits",
    "checked_epsilon",
    "checked_length",
    "format_epsilon",
    "parse_edits",
    "parse_epsilon",
    "parse_radius",
]

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


def checked_length(value: float) -> float:
    """The value, if it is a radius in L2: finite, and not negative.

    Raises:
        OptionError: it is not.
    """
    if not 0 <= value <= LARGEST:
        raise OptionError(f"epsilon l2:{value:g} is no length", hint="0 or more, in [0, 1] pixels, such as l2:0.5")
    return value


def checked_edits(value: float) -> float:
    """The value, if it is a number of edits: whole, and not negative.

    Raises:
        OptionError: it is not.
    """
    if not 0 <= value <= LARGEST or value != int(value):
        raise OptionError(f"edits is {value:g}", hint="a whole number: the most edits of one text, such as 3")
    return value


@dataclass(frozen=True, kw_only=True)
class Edits:
    """A radius that counts edits, as users give it.

    Attributes:
        count: the most edits of one text.
        norm: what is counted; None is what the data's texts are usually edited by.

    Raises:
        OptionError: the count is negative, or the norm does not count.
    """

    count: int
    norm: Norm | None = None

    def __post_init__(self) -> None:
        checked_edits(self.count)
        if self.norm is not None and not self.norm.counts:
            raise OptionError(f"edits are not counted in {self.norm}", hint=f"count {', '.join(_COUNTED)}")

    def among(self, norms: Sequence[Norm]) -> "Radius | None":
        """The radius for texts that are edited in some norms, the usual one first; None if not in this one."""
        norm = self.norm or next(iter(norms), None)
        return Radius.edits(self.count, norm) if norm is not None and norm in norms else None

    def __str__(self) -> str:
        return f"{self.count}" if self.norm is None else f"{self.norm}:{self.count}"


def parse_edits(text: str) -> Edits:
    """Reads a number of edits, ``3``, or one of a norm, ``words:3``.

    Raises:
        OptionError: it is neither, or negative.

    >>> str(parse_edits("3")), parse_edits("words:2").norm
    ('3', <Norm.WORDS: 'words'>)
    """
    name, colon, count = text.strip().rpartition(":")
    if colon and name not in _COUNTED:
        near = get_close_matches(name, _COUNTED, n=1, cutoff=0.5)
        known = f"write {', '.join(f'{norm}:3' for norm in _COUNTED)}"
        raise OptionError(
            f"edits {text!r} count no known {name!r}", hint=f"did you mean {near[0]!r}? {known}" if near else known
        )
    try:
        found = whole(count)
    except ValueError:
        raise OptionError(f"edits {text!r} are no whole number", hint="write 3 or words:3") from None
    return Edits(count=found, norm=Norm(name) if colon else None)


_COUNTED = tuple(norm.value for norm in Norm if norm.counts)


@dataclass(frozen=True, kw_only=True)
class Radius:
    """How far an adversarial input may be from its clean one.

    Attributes:
        size: in L-infinity a share of the box's width, in [0, 1]; in L2 a length in widths of the box; in a norm that
            counts, a whole number of edits.
        norm: how the distance is measured.

    Raises:
        OptionError: the size is outside its range.

    >>> str(Radius(size=8 / 255)), str(Radius(size=0.5, norm=Norm.L2)), str(Radius.edits(3, Norm.TAGS))
    ('Linf 8/255', 'L2 0.5', 'tags 3')
    """

    size: float
    norm: Norm = Norm.LINF

    def __post_init__(self) -> None:
        if self.norm.counts:
            checked_edits(self.size)
        else:
            _CHECKED[self.norm](self.size)

    @classmethod
    def edits(cls, count: int, norm: Norm) -> Self:
        """A radius that counts."""
        return cls(size=float(count), norm=norm)

    @property
    def value(self) -> str:
        """Its size alone: ``8/255``, ``0.5``, or ``3``."""
        return f"{self.size:.0f}" if self.norm.counts else format_epsilon(self.size)

    @property
    def text(self) -> str:
        """Its size as users write it: ``8/255``, ``l2:0.5``, ``3`` for tags, or ``words:3``."""
        return self.value if self.norm in (Norm.LINF, Norm.TAGS) else f"{self.norm}:{self.value}"

    @property
    def told(self) -> str:
        """What an attack at this radius is called: ``epsilon 8/255``, ``epsilon l2:0.5``, or ``tags 3``."""
        return f"{self.norm} {self.value}" if self.norm.counts else f"epsilon {self.text}"

    def __str__(self) -> str:
        return f"{_TITLES.get(self.norm, self.norm)} {self.value}"


_TITLES = {Norm.LINF: "Linf", Norm.L2: "L2"}
_CHECKED = {Norm.LINF: checked_epsilon, Norm.L2: checked_length}


def parse_radius(text: str) -> Radius | Norm:
    """Reads a radius in L-infinity, ``8/255`` or ``0.03``, or in L2, ``l2:0.5``.

    Returns:
        The radius. Of a norm alone, ``l2`` or ``linf``, that norm: the radius in it is then the dataset's own.

    Raises:
        OptionError: it is none of these, or outside its range.

    >>> str(parse_radius("8/255")), str(parse_radius("l2:0.5")), parse_radius("l2")
    ('Linf 8/255', 'L2 0.5', <Norm.L2: 'l2'>)
    """
    prefix, colon, size = text.rpartition(":")
    name = (prefix if colon else size).strip().lower()
    if name in _CHECKED:
        norm = Norm(name)
        if not colon:
            return norm
    elif colon:
        raise OptionError(f"epsilon {text!r} is in no known norm", hint="write 8/255, linf:8/255, or l2:0.5")
    else:
        norm = Norm.LINF
    if norm is Norm.LINF:
        return Radius(size=parse_epsilon(size))
    try:
        return Radius(size=ratio(size), norm=norm)
    except ValueError:
        raise OptionError(f"epsilon {text!r} is not a number", hint="write l2:0.5 or l2:128/255") from None
