"""JSON that is read back: by its type, with one message that names the field. Importable without torch."""

from typing import TypeVar

import msgspec

__all__ = ["parse_json", "told"]

Document = TypeVar("Document")


def parse_json(content: bytes | str, kind: type[Document]) -> Document:
    """Reads JSON as a type: a dataclass, a msgspec struct, a list of either ...

    >>> parse_json('{"a": [1]}', dict[str, list[int]])
    {'a': [1]}
    >>> parse_json('{"a": [1, "b"]}', dict[str, list[int]])
    Traceback (most recent call last):
    ValueError: [...][1]: Expected `int`, got `str`

    Raises:
        ValueError: it is not JSON, or not of this type; the message begins with the field.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(told(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def told(error: Exception) -> str:
    """The message of msgspec with the field first.

    >>> told(ValueError("Expected `int`, got `str` - at `$.dataset.queries`"))
    'dataset.queries: Expected `int`, got `str`'
    """
    what, _, place = str(error).partition(" - at `$")
    return f"{place.strip('.`')}: {what}" if place.strip(".`") else what
