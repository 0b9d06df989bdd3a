"""The keyword arguments that evaluate, train and harden share: the settings of a run."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from inspect import signature
from os import PathLike
from typing import Any, TypedDict

import torch

from robusthash.api import arguments
from robusthash.api.objects import given_data
from robusthash.contracts import IMAGE, CrossModalHashModel, HashModel, Precision, Retriever
from robusthash.errors import UsageError
from robusthash.evaluation import RunSettings
from robusthash.metrics import RankingMetric, Relevance
from robusthash.specs import ScoreBy

AnyPath = str | PathLike[str]
Options = Mapping[str, Mapping[str, Any]]  #: by plugin, then by field


class Settings(TypedDict, total=False):
    """Fields of :class:`~robusthash.evaluation.RunSettings`, which documents them. None is the default."""

    data_root: AnyPath | None
    image_size: int | None
    queries: int | None
    backbone: str | None
    weights: AnyPath | None
    checkpoint: AnyPath | None
    retriever: str | Retriever | None
    metrics: str | RankingMetric | Iterable[str | RankingMetric] | None
    relevance: str | None
    score_by: str | None
    seed: int | None
    shard_size: int | None
    device: str | torch.device | None
    qualities: int | Iterable[int] | None
    precision: str | None
    compiled: bool | None


def make_settings(
    function: Callable[..., Any],
    dataset: object,
    options: object,
    given: Mapping[str, Any],
    *models: object,
) -> RunSettings:
    """Settings from keyword arguments.

    Args:
        function: that was called; its own arguments are suggested for a misspelt one.
        dataset: a registered name, a dataset, its splits, or parts of another library's dataset by name.
        options: by plugin, then by field.
        given: the other keyword arguments.
        models: what is evaluated. Images have the size that a model in memory takes, unless ``image_size`` is given.

    Raises:
        UsageError: an argument is unknown, or its value is of another type.
    """
    for name in given:
        if name not in _READERS:
            raise _unknown(name, function)
    values = {name: _READERS[name](value, name) for name, value in given.items() if value is not None}
    values.setdefault("image_size", _own_size(models))
    data = given_data(dataset, values["image_size"])
    return RunSettings(dataset=data, options=arguments.options({} if options is None else options), **values)


def _unknown(name: str, function: Callable[..., Any]) -> UsageError:
    names = sorted(_READERS.keys() | signature(function).parameters.keys() - {"settings"})
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return UsageError(f"unknown argument {name!r}", hint=hint)


def _own_size(models: Iterable[object]) -> int | None:
    """Height and width of the images that models in memory take; None if none of them takes images."""
    for model in models:
        towers = list(model.towers.values()) if isinstance(model, CrossModalHashModel) else [model]
        for tower in towers:
            if isinstance(tower, HashModel) and tower.modality.name == IMAGE:
                return tower.modality.shape[1]
    return None


def _metrics(value: object, _name: str) -> tuple[str | RankingMetric, ...]:
    return arguments.several(value, "metric", (str, RankingMetric))


def _qualities(value: object, _name: str) -> tuple[int, ...]:
    return tuple(arguments.number(quality, "JPEG quality") for quality in arguments.listed(value))


def _weights(value: object, name: str) -> str:
    return str(arguments.path(value, name))


_Reader = Callable[[object, str], Any]  #: checks a value, given the name of the argument

_READERS: dict[str, _Reader] = {
    **dict.fromkeys(("queries", "image_size", "shard_size"), partial(arguments.number, least=1)),
    **dict.fromkeys(("data_root", "checkpoint"), arguments.path),
    "backbone": partial(arguments.one, kinds=str),
    "compiled": partial(arguments.one, kinds=bool),
    "device": partial(arguments.text, kinds=(str, torch.device)),
    "metrics": _metrics,
    "precision": partial(arguments.choice, choices=Precision),
    "qualities": _qualities,
    "relevance": partial(arguments.choice, choices=Relevance),
    "retriever": partial(arguments.one, kinds=(str, Retriever)),
    "score_by": partial(arguments.choice, choices=ScoreBy),
    "seed": partial(arguments.number, least=0),
    "weights": _weights,
}
