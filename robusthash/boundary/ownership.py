"""Whose code an object is. Objects are marked where they come in, and the mark goes with copies and pickles of them."""

from dataclasses import dataclass
from typing import Any

from robusthash.version import __version__

CORE_OWNER = f"robusthash {__version__}"

IN_MEMORY = "in memory"  #: the owner of an object that no plugin registers

_MARK = "_robusthash_whose"


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Whose code something is.

    Attributes:
        what: what it is, such as ``attack 'rnm'``.
        owner: distribution and version, or the user's file.
        users: whether it is the user's own file, whose faults are errors of usage.
    """

    what: str
    owner: str
    users: bool = False

    def __str__(self) -> str:
        return f"{self.what} {'' if self.owner.startswith(IN_MEMORY) else 'of '}{self.owner}"


def own(thing: Any, owner: Whose) -> None:
    """Marks an object as somebody's, unless it is marked already: a wrapper belongs to another than what it wraps.

    Args:
        thing: a plugin object, a model, a view of a split, an index. One that takes no attributes stays unmarked, and
            is named by its class.
        owner: whose code it is.
    """
    if marked(thing) is None:
        try:
            object.__setattr__(thing, _MARK, owner)
        except (AttributeError, TypeError):
            return  # a class with __slots__, or an object of C


def inherit(thing: Any, source: object) -> None:
    """Marks an object as its source is marked, if it is."""
    found = marked(source)
    if found is not None:
        own(thing, found)


def marked(thing: object) -> Whose | None:
    """The mark of an object; None if it has none. Runs no code of the object."""
    try:
        found = object.__getattribute__(thing, "__dict__").get(_MARK)
    except (AttributeError, TypeError):
        return None
    return found if isinstance(found, Whose) else None


def whose(thing: object) -> Whose:
    """Whose code an object is: what it is marked with, else its class and module."""
    if isinstance(thing, Whose):
        return thing
    kind = type(thing)
    return marked(thing) or Whose(what=kind.__qualname__, owner=kind.__module__)
