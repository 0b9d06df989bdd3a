"""Models: any network wrapped, trained ones, hardened ones."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from robusthash.api import arguments
from robusthash.contracts import IMAGE, CrossModalHashModel, HashModel, Modality
from robusthash.errors import UsageError
from robusthash.evaluation import RunSettings, harden_victim, train_victim
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.training import Description, wrapped


def wrap(
    network: nn.Module, *, bits: int | None = None, image_size: int | tuple[int, int], name: str | None = None
) -> HashModel | CrossModalHashModel:
    """Any torch network as a hash model.

    Args:
        network: from pixel-space images (n, 3, h, w), float in [0, 1], to logits (n, bits); it normalises inside. Its
            signs are the hash code. A hash model is taken as it is.
        bits: code length K; None is what the network gives.
        image_size: height and width of its inputs, in pixels.
        name: of the model in tables; None is the network's class.

    Returns:
        A hash model in evaluation mode, that shares the network's weights.

    Raises:
        UsageError: it does not take such images, or gives something else than logits.
    """
    arguments.one(network, "network", nn.Module)
    if bits is not None:
        arguments.number(bits, "bits")
    sides = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise UsageError(f"image_size is {image_size!r}", hint="give height and width in pixels: 64, or (64, 48)")
    modalities = {IMAGE: Modality.image(*sides)}
    known = type(network).__name__ if name is None else arguments.one(name, "name", str)
    model = wrapped(network, bits=bits, modalities=modalities, name=known)
    model.name = known
    return model


@contextmanager
def frozen(*models: nn.Module) -> Iterator[None]:
    """Models frozen and in evaluation mode, and afterwards as they were, where they were."""
    learning = [one for model in models for one in model.parameters() if one.requires_grad]
    training = [part for model in models for part in model.modules() if part.training]
    places = [(model, next((part.device for part in model.parameters()), None)) for model in models]
    for model in models:
        model.eval().requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for model, place in places:
            if place is not None:
                model.to(place)
        for one in learning:
            one.requires_grad_(True)
        for part in training:
            part.training = True


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained model on disk; it stands wherever a model does.

    Attributes:
        path: of the safetensors file.
        description: all that made the model.
        cached: whether it was there before.
    """

    path: Path
    description: Description
    cached: bool

    def load(self) -> HashModel:
        """The network, on the CPU, in evaluation mode, frozen.

        Raises:
            CheckpointError: the file is gone, or was changed.
        """
        description = self.description
        setting = RunSettings(dataset=description.dataset, image_size=description.image_size, device="cpu")
        resources = Resources(setting, arguments.host(), lambda _done, _total, _what: None)
        return get_victim(VictimPlan(model=str(self.path), bits=description.bits), resources).tower(IMAGE)


def train(
    model: str,
    *,
    dataset: Any = "digits",
    bits: int = 32,
    output: str | Path | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Checkpoint:
    """Trains a registered model, or finds it in the cache.

    Args:
        model: registered name, such as ``dpsh``.
        dataset: what it learns from: a registered name, a dataset, or its splits.
        bits: code length K.
        output: where the checkpoint goes; None is the cache.
        options: by plugin name, then by field; ``train`` holds the training recipe: ``{"train": {"epochs": 5}}``.
        progress: show bars; None is where somebody watches.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`: ``backbone``, ``weights``, ``seed`` ...

    Raises:
        UsageError: a name, a type or a value is wrong.
        TrainingError: the training diverged or collapsed.
    """
    name = arguments.one(model, "model", str)
    setting = make_settings(dataset, options, settings)
    with arguments.reporting(progress=progress) as report:
        path, description, cached = train_victim(
            name,
            arguments.number(bits, "bits"),
            setting,
            arguments.host(),
            output=arguments.folder(output, "output"),
            progress=report,
        )
    return Checkpoint(path=path, description=description, cached=cached)


def harden(
    defense: Any,
    model: Any,
    *,
    dataset: Any = "digits",
    bits: int = 32,
    output: str | Path | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> "Checkpoint | HashModel":
    """Puts a model behind a defense.

    Args:
        defense: registered name, such as ``cgat`` or ``jpeg``, or a defense.
        model: registered name, which is trained first, a checkpoint, or a hash model.
        dataset: what the defense may learn from.
        bits: code length K, for a registered name.
        output: where the checkpoint goes; None is the cache.
        options: by plugin name, then by field.
        progress: show bars; None is where somebody watches.
        settings: other fields of :class:`~robusthash.evaluation.RunSettings`.

    Returns:
        A checkpoint, where a model that has one is trained further; else a hash model: a wrapper, or your model with
        other weights.

    Raises:
        UsageError: a name, a type or a value is wrong.
        TrainingError: a training diverged or collapsed.
    """
    from robusthash.contracts import Defense, TrainedDefense, TrainedWrapper

    named, victim = arguments.one(defense, "defense", (str, Defense)), arguments.model(model)
    setting, host = make_settings(dataset, options, settings), arguments.host()
    with arguments.reporting(progress=progress) as report:
        resources = Resources(setting, host, report)
        chosen = resources.plugins.defense(named)
        trains = isinstance(chosen.plugin, TrainedDefense) and not isinstance(chosen.plugin, TrainedWrapper)
        if trains and isinstance(victim, str) and isinstance(named, str):
            path, description, cached = harden_victim(
                named,
                victim,
                arguments.number(bits, "bits"),
                setting,
                host,
                output=arguments.folder(output, "output"),
                progress=report,
            )
            return Checkpoint(path=path, description=description, cached=cached)
        if output is not None:
            raise UsageError("output is given, and there is no checkpoint to write", hint="leave it out")
        found = get_victim(VictimPlan(model=victim, bits=bits, defense=named), resources)
        return found.tower(IMAGE)


def make_settings(
    dataset: Any, options: Mapping[str, Mapping[str, Any]] | None, settings: Mapping[str, Any]
) -> RunSettings:
    """The settings that callers pass as keywords.

    Raises:
        UsageError: a name is unknown, or a value is of another type.
    """
    from dataclasses import fields
    from difflib import get_close_matches

    known = {entry.name for entry in fields(RunSettings)} - {"dataset", "options"}
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
            raise UsageError(f"unknown argument {name!r}", hint=hint)
    values = {name: _setting(name, value) for name, value in settings.items() if value is not None}
    return RunSettings(dataset=arguments.dataset(dataset), options=arguments.options(options or {}), **values)


def _setting(name: str, value: Any) -> Any:
    from robusthash.contracts import Precision
    from robusthash.evaluation import parse_choice
    from robusthash.metrics import RankingMetric, Relevance

    match name:
        case "queries" | "image_size" | "shard_size" | "seed":
            return arguments.number(value, name)
        case "data_root" | "checkpoint":
            return arguments.folder(value, name)
        case "weights":
            return str(arguments.one(value, name, (str, Path)))
        case "backbone" | "device":
            return arguments.one(value, name, str)
        case "retriever":
            return arguments.retriever(value)
        case "metrics":
            return arguments.several(value, "metric", (str, RankingMetric))
        case "qualities":
            return arguments.several(value, "JPEG quality", int)
        case "relevance":
            return parse_choice(Relevance, name, arguments.one(value, name, str))
        case "precision":
            return parse_choice(Precision, name, arguments.one(value, name, str))
        case _:
            return arguments.one(value, name, bool)
