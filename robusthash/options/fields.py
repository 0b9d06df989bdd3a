"""Options of plugin objects: parses text and TOML values into dataclass fields. Importable without torch.

The options of a plugin object are the fields of its class, a frozen keyword-only dataclass whose fields are typed and
documented by a ``#:`` comment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from robusthash.errors import ContractError, OptionError
from robusthash.options.conversion import Refused, choices, fit, is_choice, plain, type_name
from robusthash.options.docs import field_docs

T = TypeVar("T")

_FORM = "write plugin.field=value, as in rnm.steps=200"


@dataclass(frozen=True, kw_only=True)
class OptionField:
    """One option, for listings.

    Attributes:
        name: the field's name.
        type: its type in words: ``whole number``, ``number or none``, ``one of sign, raw``.
        default: its default as a plain JSON value; None if it is required.
        required: whether it has no default.
        doc: its ``#:`` comment; empty if there is none.
    """

    name: str
    type: str
    default: Any
    required: bool
    doc: str


def parse_assignments(assignments: Iterable[str]) -> dict[str, dict[str, str]]:
    """Groups ``owner.field=value`` texts by owner. The field follows the last dot before the equals sign.

    >>> parse_assignments(["rnm.steps=200", "rnm.p=1", "dpsh/cgat.eta=a.b=c"])
    {'rnm': {'steps': '200', 'p': '1'}, 'dpsh/cgat': {'eta': 'a.b=c'}}

    Raises:
        OptionError: a text has another form, or sets an option again.
    """
    found: dict[str, dict[str, str]] = {}
    for text in assignments:
        left, equals, value = text.partition("=")
        owner, _, name = left.strip(" ").rpartition(".")
        if not equals or not owner or not name.isidentifier():
            raise OptionError(f"cannot parse option {text!r}", hint=_FORM)
        values = found.setdefault(owner, {})
        if name in values:
            raise OptionError(f"option {owner}.{name} is given twice", hint=f"keep one of {values[name]!r}, {value!r}")
        values[name] = value
    return found


def convert(cls: type, values: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The values, converted to the types of their fields.

    Args:
        cls: a dataclass.
        values: by field name. Texts are parsed; other values, from TOML or Python, must already have the right type.
        where: the plugin's name, for errors.

    Raises:
        OptionError: a name is unknown, or a value has the wrong type.
        ContractError: ``cls`` is not a dataclass, or has a field with a type that options cannot have.
    """
    hints = _hints(cls)
    for name in values:
        if name not in hints:
            near = get_close_matches(name, hints, n=1, cutoff=0.5)
            known = f"options of {where}: {', '.join(hints)}" if hints else f"{where} has no options"
            raise OptionError(
                f"unknown option {where}.{name}", hint=f"did you mean {near[0]!r}? {known}" if near else known
            )
    return {name: _one(value, hints[name], f"{where}.{name}") for name, value in values.items()}


def build_options(cls: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """An instance with these options, and defaults for the rest.

    Args:
        cls: a frozen keyword-only dataclass.
        values: as for :func:`convert`.
        where: the plugin's name, for errors.

    Raises:
        OptionError: as for :func:`convert`; an option without default is missing; or the class rejects the values.
        ContractError: as for :func:`convert`.
    """
    converted = convert(cls, values, where=where)
    for option in _fields(cls):
        if _is_required(option) and option.name not in converted:
            wanted = type_name(_hints(cls)[option.name])
            raise OptionError(f"option {where}.{option.name} has no value", hint=f"give a {wanted}")
    try:
        return cls(**converted)
    except OptionError as error:
        raise OptionError(f"options of {where}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        given = ", ".join(f"{name}={value}" for name, value in converted.items()) or "its defaults"
        raise OptionError(f"options of {where}: {error}", hint=f"given: {given}") from error


def describe(cls: type) -> list[OptionField]:
    """All options of a class, in the order of its fields.

    Raises:
        ContractError: ``cls`` is not a dataclass, or has types or defaults that options cannot have.
    """
    hints, docs = _hints(cls), field_docs(cls)
    return [
        OptionField(
            name=option.name,
            type=type_name(hints[option.name]),
            default=None if _is_required(option) else plain(_default(option)),
            required=_is_required(option),
            doc=docs.get(option.name, ""),
        )
        for option in _fields(cls)
    ]


def option_names(cls: type) -> tuple[str, ...]:
    """The names of all options of a class, in the order of its fields.

    Raises:
        ContractError: ``cls`` is not a dataclass.
    """
    return tuple(option.name for option in _fields(cls))


def as_plain(instance: object) -> dict[str, Any]:
    """All options of a plugin object as JSON values, for the record.

    Enums and paths become texts, tuples lists, infinities ``"inf"``; :func:`build_options` reads them back.

    Raises:
        ContractError: a value has no JSON form.
    """
    return {option.name: plain(getattr(instance, option.name)) for option in _fields(type(instance))}


def _fields(cls: type) -> list[Field[Any]]:
    if not is_dataclass(cls):
        raise ContractError(
            f"{cls.__qualname__} is not a dataclass", hint="decorate it with @dataclass(frozen=True, kw_only=True)"
        )
    return [option for option in fields(cls) if option.init]


def _hints(cls: type) -> dict[str, Any]:
    names = [option.name for option in _fields(cls)]
    try:
        hints = get_type_hints(cls)
    except NameError as error:
        raise ContractError(
            f"cannot resolve the option types of {cls.__qualname__}: {error}",
            hint="import them at run time, not under TYPE_CHECKING",
        ) from error
    return {name: hints[name] for name in names}


def _is_required(option: Field[Any]) -> bool:
    return option.default is MISSING and option.default_factory is MISSING


def _default(option: Field[Any]) -> Any:
    return option.default_factory() if option.default_factory is not MISSING else option.default


def _one(value: Any, hint: Any, option: str) -> Any:
    try:
        return fit(value, hint)
    except Refused:
        possible = [str(plain(choice)) for choice in choices(hint)] if is_choice(hint) else []
        near = get_close_matches(str(value), possible, n=1, cutoff=0.5)
        wanted = type_name(hint)
        raise OptionError(
            f"option {option} is {value!r}",
            hint=f"did you mean {near[0]!r}? {wanted}" if near else f"expected: {wanted}",
        ) from None
