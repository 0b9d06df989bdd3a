"""Trains and hardens models."""

from pathlib import Path
from typing import Unpack

from robusthash.api import arguments
from robusthash.api.checkpoint import Checkpoint
from robusthash.api.objects import AnyDataset
from robusthash.api.plugins import installed
from robusthash.api.settings import AnyPath, Options, Settings, make_settings
from robusthash.api.surroundings import device_of, frozen, reporting
from robusthash.contracts import (
    IMAGE,
    Defense,
    HashModel,
    TrainedDefense,
    TrainedWrapper,
)
from robusthash.errors import UsageError
from robusthash.evaluation import Request, harden_victim, train_victim
from robusthash.evaluation.planning.defaults import settled_setting
from robusthash.evaluation.planning.names import shown, user_path
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.running.preparing.checking import check
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation.victims.resources import Resources


def train(
    model: str,
    *,
    dataset: AnyDataset = "auto",
    bits: int = 32,
    output: AnyPath | None = None,
    options: Options | None = None,
    progress: bool | None = None,
    **settings: Unpack[Settings],
) -> Checkpoint:
    """Trains a registered model, or takes it from the cache.

    Args:
        model: registered name, such as ``dpsh``.
        dataset: what it learns from: a registered name, a dataset, its splits, or parts of another
            library's by name; ``auto`` is digits, or what the model
            suggests.
        bits: code length K.
        output: where the checkpoint goes; None is the cache.
        options: by plugin, then by field; ``train`` is the training recipe: ``{"train": {"epochs": 5}}``.
        progress: show progress bars; None shows them in a notebook and on a terminal.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`: ``backbone``, ``weights``, ``seed`` ...

    Raises:
        UsageError: a name, a type or a value is wrong.
        TrainingError: the training diverged or collapsed.
    """
    name: str = arguments.one(model, "model", str)
    length = arguments.number(bits, "bits", least=1)
    setting = settled_setting(make_settings(train, dataset, options, settings), [name], installed())
    target = None if output is None else arguments.path(output, "output")
    with reporting(progress=progress) as report:
        found = train_victim(name, length, setting, installed(), output=target, progress=report)
    return Checkpoint(path=found.path, description=found.description, cached=found.cached)


def harden(
    defense: str | Defense,
    model: str | Path | Checkpoint | HashModel,
    *,
    dataset: AnyDataset = "auto",
    bits: int = 32,
    output: AnyPath | None = None,
    options: Options | None = None,
    progress: bool | None = None,
    **settings: Unpack[Settings],
) -> Checkpoint | HashModel:
    """Applies a defense to a model.

    Args:
        defense: registered name, such as ``cgat`` or ``jpeg``, or a defense.
        model: registered name, which is trained first, a checkpoint, or a hash model, which is not changed.
        dataset: what the defense may learn from; ``auto`` is digits, or what the model suggests.
        bits: code length K, for a registered name.
        output: where the checkpoint goes; None is the cache.
        options: by plugin, then by field.
        progress: show progress bars; None shows them in a notebook and on a terminal.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`.

    Returns:
        A checkpoint if the defense trains the weights of a registered model or a checkpoint. Otherwise a hash model, on
        the device of the one passed: a wrapper around it, or a copy of it with other weights.

    Raises:
        UsageError: a name, a type or a value is wrong.
        TrainingError: a training diverged or collapsed.
    """
    named, victim = arguments.one(defense, "defense", (str, Defense)), arguments.model(model)
    length = arguments.number(bits, "bits", least=1)
    target = None if output is None else arguments.path(output, "output")
    host = installed()
    setting = settled_setting(make_settings(harden, dataset, options, settings, victim), [victim], host)
    own = [] if isinstance(victim, str) else [victim]
    with reporting(progress=progress) as report, frozen(*own):
        resources = Resources(setting, host, report)
        plugin = resources.plugins.defense(named).plugin
        trains = isinstance(plugin, TrainedDefense) and not isinstance(plugin, TrainedWrapper)
        if trains and isinstance(victim, str) and user_path(victim) is None:
            stored = harden_victim(named, victim, length, setting, host, output=target, progress=report)
            return Checkpoint(path=stored.path, description=stored.description, cached=stored.cached)
        if output is not None:
            raise UsageError("output was passed, but there is no checkpoint to write", hint="leave it out")
        check(Request(models=(victim,), attacks=(), bits=(length,), defenses=(named,), setting=setting), resources)
        place = device_of(own[0]) if own else "cpu"
        found = get_victim(VictimPlan(model=victim, bits=length, defense=named), resources).tower(IMAGE)
    found.name = f"{shown(victim)} + {resources.plugins.defense(named).use.name}"
    return found.to(place)
