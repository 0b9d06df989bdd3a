"""Members of enumerations, by the names that users write."""

from enum import StrEnum
from typing import TypeVar

from robusthash.errors import OptionError

Choice = TypeVar("Choice", bound=StrEnum)


def parse_choice(choices: type[Choice], what: str, name: str) -> Choice:
    """A member of an enumeration, by its value.

    Args:
        choices: the enumeration.
        what: what is chosen, for the error.
        name: value of the member.

    Raises:
        OptionError: there is no such member.
    """
    try:
        return choices(name)
    except ValueError:
        raise OptionError(f"unknown {what} {name!r}", hint=f"one of: {', '.join(choices)}") from None
