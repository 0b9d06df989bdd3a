"""Models, attacks and datasets as a user passes them: a name, a file, or an object. Importable without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from robusthash.files.paths import read_path

if TYPE_CHECKING:
    from robusthash.contracts import (
        Attack,
        CrossModalHashModel,
        Dataset,
        Defense,
        HashModel,
        RetrievalData,
        Retriever,
    )
    from robusthash.evaluation.planning.fitted import FittedAttack

# As texts: names are checked before torch is imported.
#: A registered name, ``file.py:build``, a checkpoint, or the model
AnyModel: TypeAlias = "str | HashModel | CrossModalHashModel"
#: A registered name, the attack, or what it has learnt
AnyAttack: TypeAlias = "str | Attack | FittedAttack"
AnyDefense: TypeAlias = "str | Defense"
AnyDataset: TypeAlias = "str | Dataset | RetrievalData"
AnyRetriever: TypeAlias = "str | Retriever"

Name = TypeVar("Name")


def user_path(model: AnyModel) -> Path | None:
    """The file of a model passed as ``path/to/file.py:build``, or None."""
    if not isinstance(model, str):
        return None
    path, separator, _ = model.rpartition(":")
    return read_path(path, "model") if separator and path.endswith(".py") else None


def checkpoint_path(model: AnyModel) -> Path | None:
    """The file of a model passed as a checkpoint, or None."""
    return read_path(model, "model") if isinstance(model, str) and model.endswith(".safetensors") else None


def registered_name(model: AnyModel) -> str | None:
    """The name of a model registered by a plugin; None for a file, a checkpoint or an object."""
    if not isinstance(model, str) or user_path(model) or checkpoint_path(model):
        return None
    return model


def shown(named: object) -> str:
    """How something is named in output: a name as it is, a checkpoint by its stem, an object by its name or class.

    >>> shown("dpsh"), shown("runs/best.safetensors")
    ('dpsh', 'best')
    """
    if not isinstance(named, str):
        return getattr(named, "name", None) or type(named).__name__
    path = checkpoint_path(named)
    return path.stem if path else named
