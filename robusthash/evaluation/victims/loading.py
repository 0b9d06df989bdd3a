"""Loads a dataset, and checks what it loaded before anything relies on it."""

from typing import Any

from torch import Tensor

from robusthash.boundary import Whose, breach, foreign, own, whose
from robusthash.contracts import Dataset, DatasetContext, Images, Inputs, Modality, RetrievalData, Split
from robusthash.limits import LARGEST

_SPLITS = ("query", "database", "train")


def load_dataset(dataset: Dataset, context: DatasetContext) -> RetrievalData:
    """Loads a dataset.

    Args:
        dataset: with its options.
        context: where its files are.

    Raises:
        DatasetError: files are missing or wrong.
        PluginError: it raised anything else.
        ContractError: what it loaded is not what the contract requires.
    """
    with foreign(dataset, "load its splits"):
        data = dataset.load(context)
    return check_dataset(data, whose(dataset))


def check_dataset(data: object, owner: Whose) -> RetrievalData:
    """Returns loaded splits, marked as their owner's, if they are what their contract requires.

    Args:
        data: what was loaded, or passed as an object.
        owner: whose it is.

    Raises:
        ContractError: it is not.
        PluginError: one of its methods raised an exception.
    """
    with foreign(owner, "describe its splits"):
        problem = _problem(data)
        if problem is not None:
            raise breach(owner, problem, hint="see robusthash.contracts.RetrievalData and Split")
        assert isinstance(data, RetrievalData)  # noqa: S101 - else there is a problem
        own(data, owner)
        for split in (data.query, data.database, data.train):
            for view in split.views.values():
                own(view, owner)
        _ = data.digest  # it calls the views, and everything that follows needs it
    return data


def _problem(data: Any) -> str | None:
    """What is wrong with a loaded dataset, as the rest of a sentence; None if nothing is."""
    if not isinstance(data, RetrievalData):
        return f"returned {type(data).__name__}, not RetrievalData"
    if not _texts(data.classes) or not isinstance(data.name, str) or not isinstance(data.backbone, str):
        return "returned a name, classes or a backbone that are no texts"
    if not isinstance(data.epsilon, int | float) or not 0 <= data.epsilon <= 1:
        return f"returned the radius {data.epsilon!r}, outside [0, 1]"
    if data.epsilon_l2 is not None and not (
        isinstance(data.epsilon_l2, int | float) and 0 <= data.epsilon_l2 <= LARGEST
    ):
        return f"returned the L2 radius {data.epsilon_l2!r}, which is no length"
    for name in _SPLITS:
        problem = _split_problem(getattr(data, name), len(data.classes))
        if problem is not None:
            return f"returned a {name} split {problem}"
    for name in _SPLITS:
        if {key: str(view.modality) for key, view in getattr(data, name).views.items()} != {
            key: str(view.modality) for key, view in data.query.views.items()
        }:
            return f"returned a {name} split of other modalities than the query split"
    return None


def _split_problem(split: Any, classes: int) -> str | None:
    if not isinstance(split, Split):
        return f"that is a {type(split).__name__}"
    if not len(split):
        return "without items"
    if not _texts(split.ids):
        return "whose ids are no texts"
    if not isinstance(split.labels, Tensor) or split.labels.shape != (len(split), classes):
        found = tuple(split.labels.shape) if isinstance(split.labels, Tensor) else type(split.labels).__name__
        return f"with labels {found} for {len(split)} items of {classes} classes"
    if int(split.labels.max()) > 1:
        return f"with labels of {int(split.labels.max())}; they are 0 or 1"
    views: list[Any] = list(split.views.values())
    for view in views:
        if not isinstance(view, Inputs) or not isinstance(view.modality, Modality):
            return f"with a view that is a {type(view).__name__}"
        size: Any = view.size if isinstance(view, Images) else ()
        if not all(isinstance(side, int) and side > 0 for side in size):
            return f"with images of size {size!r}"
    return None


def _texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
