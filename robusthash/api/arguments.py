"""Checks what callers pass: one or several of something, by name or as objects."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from robusthash.api.checkpoint import Checkpoint
from robusthash.contracts import CrossModalHashModel, HashModel
from robusthash.epsilon import Edits, Radius, parse_edits, parse_radius
from robusthash.errors import OptionError, UsageError
from robusthash.evaluation import parse_choice
from robusthash.files.paths import read_path
from robusthash.specs import Norm

AnyModel = str | HashModel | CrossModalHashModel  #: a model as an evaluation takes it

Kinds = type | tuple[type, ...]
_MODELS = (str, Checkpoint, HashModel, CrossModalHashModel)
Choice = TypeVar("Choice", bound=StrEnum)


def several(value: object, what: str, kinds: Kinds) -> tuple[Any, ...]:
    """One or several of something, as a tuple; a string is one name.

    Args:
        value: what was passed.
        what: its name in errors, in the singular.
        kinds: what each must be.

    Raises:
        UsageError: there is none, or one is of another type.
    """
    found = listed(value, single=(*_tuple(kinds), nn.Module))
    hint = f"pass {_named(kinds)}, or several in a list"
    for each in found:
        _require(each, what, kinds, hint)
    if not found:
        raise UsageError(f"no {what} was passed", hint=hint)
    return found


def listed(value: object, *, single: tuple[type, ...] = ()) -> tuple[Any, ...]:
    """The elements of a list, or of another iterable; anything else, and a string, alone.

    Args:
        value: what was passed.
        single: types that are taken as one value even if they can be iterated.
    """
    if isinstance(value, (*single, str, bytes, Mapping)) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def one(value: object, what: str, kinds: Kinds) -> Any:
    """The value, if it is of one of these types.

    Raises:
        UsageError: it is not.
    """
    _require(value, what, kinds, f"pass {_named(kinds)}")
    return value


def number(value: object, what: str, *, least: int | None = None) -> int:
    """An integer.

    Args:
        value: what was passed.
        what: its name in errors.
        least: smallest value allowed; None is any.

    Raises:
        UsageError: it is no integer, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UsageError(f"{what} is {told(value)}", hint="pass an integer")
    if least is not None and value < least:
        raise UsageError(f"{what} is {value}", hint=f"at least {least}")
    return int(value)


def real(value: object, what: str) -> float:
    """A number; its range is for whoever uses it.

    Args:
        value: what was passed.
        what: its name in errors.

    Raises:
        UsageError: it is no number.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{what} is {told(value)}", hint="pass a number")
    return float(value)


def radius(value: object) -> Radius | Norm:
    """Epsilon: a number as a share of the box, a string such as ``8/255`` or ``l2:0.5``, or a radius.

    Returns:
        The radius; of the string ``l2``, that norm, in which the dataset has a radius of its own.

    Raises:
        OptionError: it is none of these, or outside its range.
    """
    if isinstance(value, Radius | Norm):
        return value
    if isinstance(value, str):
        return parse_radius(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise OptionError(f"epsilon is {told(value)}", hint="pass a number in [0, 1], such as 8/255, or 'l2:0.5'")
    return Radius(size=float(value))


def exact_radius(value: object) -> Radius:
    """A radius, where no dataset has one of its own.

    Raises:
        OptionError: it is none, or a norm alone.
    """
    found = radius(value)
    if isinstance(found, Norm):
        raise OptionError(f"epsilon is {told(value)}, without a size", hint=f"pass epsilon='{found}:0.5'")
    return found


def bound(epsilon: object, edits: object, norms: Sequence[Norm]) -> Radius:
    """The radius of a threat, given in one of two ways.

    Args:
        epsilon: as for :func:`radius`; None if edits are given.
        edits: a number of edits, or one of a norm, ``words:3``; None if an epsilon is given.
        norms: that count the edits of such inputs; empty if they have none.

    Raises:
        UsageError: there is none of the two, or both; or the inputs have no edits.
        OptionError: it is outside its range.
    """
    if epsilon is None and edits is None:
        raise UsageError("epsilon is missing", hint="pass the radius as a share of the box: epsilon=8/255")
    if epsilon is not None and edits is not None:
        raise UsageError("epsilon and edits are both passed", hint="a threat has one radius: leave one of them out")
    if edits is None:
        return exact_radius(epsilon)
    counted = counts(edits)
    found = counted.among(norms)
    if found is None:
        what = counted.norm or Norm.TAGS
        raise UsageError(
            f"edits is {told(edits)}, and the model does not take texts of {what}",
            hint="pass epsilon, or a model whose modality is Modality.text(width, tags=True)"
            if what is not Norm.CHARACTERS
            else "pass epsilon, or a model whose modality has a vocabulary",
        )
    return found


def counts(value: object) -> Edits:
    """A number of edits: an integer, or a string such as ``words:3``.

    Raises:
        UsageError: it is neither.
        OptionError: it is negative, or of an unknown norm.
    """
    return parse_edits(value) if isinstance(value, str) else Edits(count=number(value, "edits", least=0))


def path(value: object, what: str) -> Path:
    """A path.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(value, str | PathLike):
        raise UsageError(f"{what} is {told(value)}", hint="pass a path")
    return read_path(str(fspath(value)), what)


def text(value: object, what: str, kinds: Kinds = str) -> str:
    """A string, or what has a name as one."""
    return str(one(value, what, kinds))


def choice(value: object, what: str, choices: type[Choice]) -> Choice:
    """One of several choices, by its name."""
    return parse_choice(choices, what, one(value, what, str))


def model(value: object) -> AnyModel:
    """A model: a name, a checkpoint, or a hash model.

    Raises:
        UsageError: it is none of these; a bare network has to be wrapped first.
    """
    if isinstance(value, Checkpoint):
        return str(value.path)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, nn.Module) and not isinstance(value, HashModel | CrossModalHashModel):
        raise UsageError(
            f"model is a bare network, {type(value).__name__}: its image size is unknown",
            hint="pass robusthash.wrap(network, image_size=64)",
        )
    found: AnyModel = one(value, "model", _MODELS)
    return found


def models(value: object) -> tuple[AnyModel, ...]:
    """One or several models."""
    found = listed(value, single=(nn.Module,))
    if not found:
        raise UsageError("no model was passed", hint=f"pass {_named(_MODELS)}, or several in a list")
    return tuple(model(each) for each in found)


def options(value: object) -> dict[str, dict[str, Any]]:
    """Options by plugin, then by field.

    Raises:
        UsageError: it is no mapping of mappings.
    """
    return _nested(value, "options", '{"rnm": {"steps": 200}}')


def sweeps(value: object) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Values to sweep over, by attack, then by option.

    Raises:
        UsageError: it is no mapping of mappings.
    """
    found = _nested(value, "vary", '{"rnm": {"steps": [10, 100]}}')
    return {attack: {option: listed(values) for option, values in fields.items()} for attack, fields in found.items()}


def told(value: object) -> str:
    """A value and its type, for an error.

    >>> told(3), told([])
    ('3, an int', '[], a list')
    """
    kind, shown = _with_article(type(value)), repr(value)
    return f"{shown}, {kind}" if len(shown) <= 40 and "\n" not in shown else kind


def _nested(value: object, what: str, example: str) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(each, Mapping) for each in value.values()):
        raise UsageError(f"{what} is {told(value)}", hint=f"nest it by plugin: {example}")
    return {str(name): dict(fields) for name, fields in value.items()}


def _require(value: object, what: str, kinds: Kinds, hint: str) -> None:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in _tuple(kinds)):
        raise UsageError(f"{what} is {told(value)}", hint=hint)


def _tuple(kinds: Kinds) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _named(kinds: Kinds) -> str:
    known: dict[type, str] = {str: "a name", bool: "True or False", nn.Module: "a torch.nn.Module"}
    known |= {Checkpoint: "a checkpoint", HashModel: "a hash model", CrossModalHashModel: "a hash model"}
    *names, last = dict.fromkeys(known.get(kind, _with_article(kind)) for kind in _tuple(kinds))
    return f"{', '.join(names)} or {last}" if names else last


def _with_article(kind: type) -> str:
    return f"{'an' if kind.__name__[0].lower() in 'aeiou' else 'a'} {kind.__name__}"
