"""Frozen backbones: they are left as they are, and where nothing else changes, their features are computed once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from robusthash.contracts import (
    Box,
    CrossModalHashModel,
    HashModel,
    Inputs,
    Modality,
    Progress,
    Recipe,
    Split,
    towers_of,
)
from robusthash.training.networks import Inside, LayeredModel, encode

Model = HashModel | CrossModalHashModel


def frozen_parts(model: Model, recipe: Recipe) -> list[nn.Module]:
    """The feature networks that a training does not change: those of a recipe without a learning rate for them."""
    if recipe.backbone_lr_scale:
        return []
    towers = (tower for tower in towers_of(model).values() if isinstance(tower, LayeredModel))
    return [tower.pretrained for tower in towers if tower.pretrained is not None]


def on_features(
    model: Model,
    split: Split,
    recipe: Recipe,
    *,
    needed: Callable[[str], bool],
    device: torch.device,
    progress: Progress,
) -> tuple[Model, Split]:
    """A model and a train split of features, where the backbone is frozen and images are not augmented.

    The model has the same neck and hash layer as the given one, which are trained with it, and the split has features
    of the backbone in place of its inputs. So they are computed once, and not in every epoch.

    Args:
        model: on the device.
        split: the train split.
        recipe: how the model is trained.
        needed: whether a loss needs the inputs of a modality themselves, as :meth:`LossStep.reads` says.
        device: where to compute.
        progress: called with (done, total, what) after each batch.

    Returns:
        Both unchanged, if the backbone is trained, images are augmented, or all inputs are needed.
    """
    if not frozen_parts(model, recipe) or recipe.augment != "none":
        return model, split
    towers, views = dict(towers_of(model)), dict(split.views)
    for name, tower in towers.items():
        if isinstance(tower, LayeredModel) and tower.pretrained is not None and not needed(name):
            values = encode(
                Inside(tower, tower.embed),
                split.view(name),
                device=device,
                progress=lambda done, total: progress(done, total, "features of the train split"),
            )
            views[name] = _Values(values.cpu(), tower.modality)
            towers[name] = _OnFeatures(tower, values.shape[1])
    whole = towers[next(iter(towers))] if isinstance(model, HashModel) else CrossModalHashModel(towers)
    return whole, replace(split, views=views)


def take_back(model: Model, trained: Model) -> None:
    """Gives a model the neck and the hash layer of the one that was trained in its place.

    Args:
        model: what was given to :func:`on_features`.
        trained: what it returned.
    """
    for name, tower in towers_of(model).items():
        source = towers_of(trained)[name]
        if source is not tower and isinstance(tower, LayeredModel) and isinstance(source, LayeredModel):
            tower.neck, tower.hash_layer = source.neck, source.hash_layer


class _OnFeatures(LayeredModel):
    """What follows the features of a model; it shares neck and hash layer with it."""

    def __init__(self, model: LayeredModel, width: int) -> None:
        modality = Modality(name=model.modality.name, shape=(width,), box=Box())
        bits = model.hash_layer.out_features
        super().__init__(nn.Identity(), model.hash_layer.in_features, modality=modality, bits=bits)
        self.neck, self.hash_layer = model.neck, model.hash_layer

    def embed(self, inputs: Tensor) -> Tensor:
        return inputs

    def before(self, inputs: Tensor) -> Tensor:
        return inputs

    @property
    def pretrained(self) -> None:
        return None


class _Values(Inputs):
    """Features in memory, in place of inputs."""

    def __init__(self, values: Tensor, modality: Modality) -> None:
        self.values = values
        self._modality = Modality(name=modality.name, shape=(values.shape[1],), box=Box())

    @property
    def modality(self) -> Modality:
        return self._modality

    def __len__(self) -> int:
        return len(self.values)

    def inputs(self, indices: Sequence[int]) -> Tensor:
        return self.values[torch.as_tensor(indices, dtype=torch.int64)]
