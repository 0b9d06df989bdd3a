"""How models, attacks and datasets are asked for: by a registered name, by a file, or as the object itself."""

from pathlib import Path
from typing import TypeVar

from robusthash.contracts import (
    Attack,
    CrossModalHashModel,
    Dataset,
    Defense,
    HashModel,
    RetrievalData,
    Retriever,
)

AnyModel = str | HashModel | CrossModalHashModel  #: a registered name, ``file.py:build``, a checkpoint, or the model
AnyAttack = str | Attack
AnyDefense = str | Defense
AnyDataset = str | Dataset | RetrievalData
AnyRetriever = str | Retriever

Name = TypeVar("Name")


def user_path(model: AnyModel) -> Path | None:
    """The file of a model given as ``path/to/file.py:build``, or None."""
    if not isinstance(model, str):
        return None
    path, separator, _ = model.rpartition(":")
    return Path(path) if separator and path.endswith(".py") else None


def checkpoint_path(model: AnyModel) -> Path | None:
    """The file of a model given as a checkpoint, or None."""
    return Path(model) if isinstance(model, str) and model.endswith(".safetensors") else None


def registered_name(model: AnyModel) -> str | None:
    """The name of a model that a plugin has registered; None for a file, a checkpoint or an object."""
    if not isinstance(model, str) or user_path(model) or checkpoint_path(model):
        return None
    return model


def shown(named: object) -> str:
    """What an object is called where people read it: its name, its file's, or its class's.

    >>> shown("dpsh"), shown("runs/best.safetensors")
    ('dpsh', 'best')
    """
    if not isinstance(named, str):
        return getattr(named, "name", None) or type(named).__name__
    path = checkpoint_path(named)
    return path.stem if path else named
