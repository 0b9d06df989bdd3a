"""Networks to be trained, and those that checkpoints describe: of one tower, or of several."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from robusthash.checkpoints import TowerUse
from robusthash.contracts import (
    IMAGE,
    Backbone,
    Box,
    ClosedForm,
    CrossModalHashModel,
    CrossModalObjective,
    HashModel,
    Inputs,
    Modality,
    Objective,
    Split,
    TextBackbone,
)
from robusthash.errors import CapabilityError, CheckpointError, UsageError
from robusthash.evaluation.victims.chosen import METHODS, Chosen, Network
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.evaluation.victims.resources import Resources
from robusthash.files.storage import digest
from robusthash.host import PluginKind
from robusthash.training import Description, build_network, build_towers, load_weights, prepare_towers

Trainable = Objective | CrossModalObjective | ClosedForm
Model = HashModel | CrossModalHashModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """The feature networks of a model, by modality.

    Attributes:
        objective: what trains a model of several towers, and says what is between its features and hash layers; None
            for a model of one tower.
        backbones: the feature networks; a model with one tower has that of images alone.
        modalities: of the inputs.
    """

    objective: CrossModalObjective | None
    backbones: Mapping[str, Chosen[Network]]
    modalities: Mapping[str, Modality]

    def build(self, *, bits: int, weights: str, seed: int) -> Model:
        """A model to be trained, as for :func:`~robusthash.training.build_network`."""
        if self.objective is not None:
            plugins = {name: chosen.plugin for name, chosen in self.backbones.items()}
            return build_towers(self.objective, plugins, self.modalities, bits=bits, weights=weights, seed=seed)
        backbone, side = self.backbones[IMAGE].plugin, self.modalities[IMAGE].shape[1]
        assert isinstance(backbone, Backbone)  # noqa: S101 - chosen for images
        return build_network(backbone, bits=bits, image_size=side, weights=weights, seed=seed)

    def prepare(self, model: Model, train: Split) -> None:
        """Lets the networks take what they need from the train split."""
        if isinstance(model, CrossModalHashModel):
            prepare_towers(model, {name: chosen.plugin for name, chosen in self.backbones.items()}, train)

    def towers(self, split: Split) -> dict[str, TowerUse]:
        """The checkpoint's entries of all towers but that of images."""
        return {name: tower_use(chosen, split.view(name)) for name, chosen in self.backbones.items() if name != IMAGE}


def chosen_networks(name: str, method: Trainable, resources: Resources) -> Networks:
    """The feature networks that a run trains a model with.

    Args:
        name: of the model, for errors.
        method: what trains it.
        resources: the dataset and the plugins.

    Raises:
        UsageError: images are not square, or a backbone is of another modality.
        CapabilityError: the dataset has no inputs for a tower.
    """
    setting, data, plugins = resources.setting, resources.data, resources.plugins
    objective = method if isinstance(method, CrossModalObjective) else None
    named = {} if objective is None else dict(objective.networks)
    taken = sorted({IMAGE, *named})
    missing = [one for one in taken if one not in data.modalities]
    if missing:
        raise CapabilityError(
            f"model {name!r} takes {' and '.join(f'{one}s' for one in taken)}, and dataset {data.name} has no "
            + " and no ".join(f"{one}s" for one in missing),
            hint="robusthash plugins list --kind dataset shows those of images and texts, such as pairs-digits",
        )
    backbones = {IMAGE: plugins.network(setting.backbone or named.get(IMAGE) or data.backbone)}
    backbones |= {modality: plugins.network(one) for modality, one in sorted(named.items()) if modality != IMAGE}
    for modality, chosen in backbones.items():
        if isinstance(chosen.plugin, Backbone) != (modality == IMAGE):
            raise UsageError(
                f"backbone {chosen.use.name!r} of {chosen.use.owner} is not for {modality}s",
                hint="robusthash plugins list --kind backbone",
            )
    side(data.modalities[IMAGE])
    return Networks(objective=objective, backbones=backbones, modalities=data.modalities)


def side(images: Modality) -> int:
    """Height and width of images.

    Raises:
        UsageError: they are not square.
    """
    _, height, width = images.shape
    if height != width:
        raise UsageError(f"images are {height}x{width}", hint="models take square images: add --image-size")
    return height


def described_network(tensors: Mapping[str, Tensor], path: Path, description: Description, plugins: Plugins) -> Model:
    """Builds the network that a checkpoint describes, and loads its weights.

    Args:
        tensors: the weights.
        path: their file, for errors.
        description: description of the checkpoint.
        plugins: looks up the backbones, and the objective of a model with several towers.

    Raises:
        CheckpointError: the weights do not fit.
    """
    uses = {IMAGE: description.backbone} | {name: tower.backbone for name, tower in description.towers.items()}
    networks = Networks(
        objective=_objective(description, path, plugins),
        backbones={name: plugins.network(use.name, use.options) for name, use in uses.items()},
        modalities={IMAGE: Modality.image(description.image_size)}
        | {name: modality_of(name, tower) for name, tower in description.towers.items()},
    )
    model = networks.build(bits=description.bits, weights="none", seed=description.seed)
    load_weights(model, tensors, str(path))
    image = networks.backbones[IMAGE].plugin
    if isinstance(image, Backbone) and image.channels_last:
        model.to(memory_format=torch.channels_last)
    return model


def require_same_inputs(description: Description, path: Path, split: Split) -> None:
    """Refuses a checkpoint whose towers take other inputs than a dataset has.

    Args:
        description: of the checkpoint.
        path: of the checkpoint, for the error.
        split: items of the dataset.

    Raises:
        CheckpointError: it has another image size, another width or box of texts, or another vocabulary.
    """
    found, wanted = description.image_size, split.images.size[0]
    if found != wanted:
        raise CheckpointError(f"{path} has image size {found}, not {wanted}", hint=f"add --image-size {found}")
    for name, tower in description.towers.items():
        if name not in split.views:  # another direction may not need it
            continue
        view = split.view(name)
        if modality_of(name, tower) != view.modality:
            raise CheckpointError(
                f"{path} takes {name}s of {tower.width} elements in [{tower.low}, {tower.high}], and the dataset's are "
                f"{view.modality.shape[0]} in [{view.modality.box.low}, {view.modality.box.high}]",
                hint=f"use the dataset that it was trained on, {description.dataset}",
            )
        if tower.vocabulary != vocabulary_digest(view):
            raise CheckpointError(
                f"{path} was trained on another vocabulary: its words mean other elements of a {name}",
                hint=f"use the dataset that it was trained on, {description.dataset}",
            )


def tower_use(chosen: Chosen[Network], view: Inputs) -> TowerUse:
    """The entry of a tower in a checkpoint's description."""
    modality, plugin = view.modality, chosen.plugin
    return TowerUse(
        backbone=chosen.use,
        width=modality.shape[0],
        low=modality.box.low,
        high=modality.box.high,
        levels=modality.box.levels,
        vocabulary=vocabulary_digest(view),
        pretrained=plugin.initial() if isinstance(plugin, TextBackbone) else "none",
    )


def modality_of(name: str, tower: TowerUse) -> Modality:
    """The modality that a tower takes."""
    return Modality(name=name, shape=(tower.width,), box=Box(low=tower.low, high=tower.high, levels=tower.levels))


def vocabulary_digest(view: Inputs) -> str:
    """Digest of the words of a view; empty if it has none."""
    return "" if view.vocabulary is None else digest({"words": list(view.vocabulary)})


def _objective(description: Description, path: Path, plugins: Plugins) -> CrossModalObjective | None:
    """What trained a model of several towers; None for a model of one, which is built without it."""
    use = description.model
    if not description.towers:
        return None
    method = plugins.choose(PluginKind.MODEL, use.name, METHODS, use.options).plugin
    if not isinstance(method, CrossModalObjective):
        raise CheckpointError(
            f"{path} has several towers, and model {use.name!r} of {use.owner} trains one", hint="train it again"
        )
    return method
