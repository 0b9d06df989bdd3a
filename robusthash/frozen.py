"""Deep copies that cannot be changed, for whoever is told something and must not alter it. Importable without torch."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn

__all__ = ["FrozenDict", "freeze"]

_PLAIN = (str, bytes, int, float, complex, bool, type(None))


class FrozenDict(dict[Any, Any]):
    """A dictionary whose items are fixed when it is made.

    >>> FrozenDict(steps=10)["steps"] = 20
    Traceback (most recent call last):
    TypeError: this dictionary cannot be changed: copy it with dict(...)
    """

    def _refuse(self, *_arguments: Any, **_items: Any) -> NoReturn:
        raise TypeError("this dictionary cannot be changed: copy it with dict(...)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> "FrozenDict":
        return self

    def __deepcopy__(self, _memo: Any) -> "FrozenDict":
        return self  # its values are frozen, too

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


def freeze(value: Any) -> Any:
    """A copy of a value that shares nothing with it that could be changed.

    Mappings become :class:`FrozenDict`, lists become tuples, sets become frozen sets. Dataclasses keep their class, and
    arrays, which keep theirs, can only be read. Anything else is copied.

    >>> freeze({"steps": [1, 2]})
    {'steps': (1, 2)}
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return FrozenDict({freeze(key): freeze(one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(one) for one in value)
    if isinstance(value, set | frozenset):
        return frozenset(freeze(one) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        # Not made by its constructor, which may check, convert or compute what it is passed.
        made = object.__new__(type(value))
        for field in fields(value):
            object.__setattr__(made, field.name, freeze(getattr(value, field.name)))
        return made
    copied = deepcopy(value)
    if hasattr(copied, "setflags"):  # an array of numpy, which this module does not import
        copied.setflags(write=False)
    return copied
