"""What callers pass: one or several of something, names or objects; each checked, with a hint."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from robusthash.contracts import CrossModalHashModel, Dataset, HashModel, Progress, RetrievalData, Retriever, silent
from robusthash.epsilon import checked_epsilon, parse_epsilon
from robusthash.errors import OptionError, UsageError
from robusthash.host import PluginHost
from robusthash.progress import bars


def several(value: object, what: str, kinds: type | tuple[type, ...]) -> tuple[Any, ...]:
    """One or several of something, as a tuple: a text is one name, whatever it could be iterated into.

    Args:
        value: what was passed.
        what: it is, for the error, in the singular.
        kinds: what each must be.

    Raises:
        UsageError: something in it is of another kind, or nothing is in it.
    """
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    single = isinstance(value, (*wanted, str, Mapping)) or not isinstance(value, Iterable)
    found = (value,) if single else tuple(value)  # type: ignore[arg-type]  # it is iterable where it is not single
    for one in found:
        if not isinstance(one, wanted):
            raise UsageError(f"{what} is {_told(one)}", hint=f"give {_names(wanted)}, or several in a list")
    if not found:
        raise UsageError(f"no {what} is given", hint=f"give {_names(wanted)}, or several in a list")
    return found


def one(value: object, what: str, kinds: type | tuple[type, ...]) -> Any:
    """The same value, if it is of a kind.

    Raises:
        UsageError: it is of another.
    """
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise UsageError(f"{what} is {_told(value)}", hint=f"give {_names(wanted)}")
    return value


def number(value: object, what: str) -> int:
    """A whole number.

    Raises:
        UsageError: it is none.
    """
    found: int = one(value, what, int)
    return found


def radius(value: object) -> float:
    """Epsilon as a share of the box: a number, or ``8/255`` as a text.

    Raises:
        OptionError: it is none, or outside [0, 1].
    """
    if isinstance(value, str):
        return parse_epsilon(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"epsilon is {_told(value)}", hint="give a number in [0, 1], such as 8/255")
    return checked_epsilon(float(value))


def model(value: object) -> "str | HashModel | CrossModalHashModel":
    """A model as an evaluation takes it: a name, a checkpoint's path, or a hash model.

    Raises:
        UsageError: it is none; a bare network has to be wrapped, which tells its code length.
    """
    from robusthash.api.models import Checkpoint

    if isinstance(value, Checkpoint):
        return str(value.path)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, nn.Module) and not isinstance(value, HashModel | CrossModalHashModel):
        raise UsageError(
            f"model is a {type(value).__name__}, and nobody knows its code length and image size",
            hint="robusthash.wrap(network, bits=32, image_size=64)",
        )
    found: str | HashModel | CrossModalHashModel = one(value, "model", (str, HashModel, CrossModalHashModel))
    return found


def models(value: object) -> "tuple[str | HashModel | CrossModalHashModel, ...]":
    """One or several models."""
    from robusthash.api.models import Checkpoint

    kinds = (str, Path, Checkpoint, nn.Module)
    return tuple(model(each) for each in several(value, "model", kinds))


def dataset(value: object) -> str | Dataset | RetrievalData:
    """A dataset as an evaluation takes it."""
    found: str | Dataset | RetrievalData = one(value, "dataset", (str, Dataset, RetrievalData))
    return found


def retriever(value: object) -> str | Retriever:
    """A retriever as an evaluation takes it."""
    found: str | Retriever = one(value, "retriever", (str, Retriever))
    return found


def options(value: object) -> dict[str, dict[str, Any]]:
    """Options by plugin name, then by field.

    Raises:
        UsageError: it is no mapping of mappings.
    """
    if not isinstance(value, Mapping) or not all(isinstance(one, Mapping) for one in value.values()):
        raise UsageError(f"options is {_told(value)}", hint='give them by plugin: {"rnm": {"steps": 200}}')
    return {str(name): dict(fields) for name, fields in value.items()}


def folder(value: object, what: str) -> Path | None:
    """A path, or None."""
    return None if value is None else Path(one(value, what, (str, Path)))


def host() -> PluginHost:
    """The installed plugins."""
    return PluginHost.load()


@contextmanager
def reporting(*, progress: bool | None) -> Iterator[Progress]:
    """Bars in a notebook and on a terminal; nothing elsewhere.

    Args:
        progress: whether to show them; None is where somebody watches.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if progress or (progress is None and (console.is_jupyter or console.is_terminal)):
        with bars(console) as report:
            yield report
    else:
        yield silent


def _told(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'}, a {type(value).__name__}"


def _names(kinds: tuple[type, ...]) -> str:
    known = {str: "a name", int: "a whole number", float: "a number", Path: "a path", nn.Module: "a hash model"}
    return " or ".join(dict.fromkeys(known.get(kind, f"a {kind.__name__}") for kind in kinds))
