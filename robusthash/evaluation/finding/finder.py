"""A model that is ready to hash and to search: with its dataset, or without any where it needs none."""

from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import torch

from robusthash.checkpoints import Description, read_description
from robusthash.contracts import ArrayImages, Descriptor, Progress, ReadyModel, RetrievalData, Split
from robusthash.errors import CapabilityError, UsageError
from robusthash.evaluation.planning.defaults import settled
from robusthash.evaluation.planning.names import AnyModel, checkpoint_path, registered_name, shown
from robusthash.evaluation.planning.plan import plan
from robusthash.evaluation.planning.request import AUTO, Request, RunSettings
from robusthash.evaluation.running.preparing.checking import check, known
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System, Systems
from robusthash.host import PluginHost
from robusthash.specs import Direction

USUAL_SIZE = 224  #: height and width, in pixels, of what a model takes that says nothing of it


class Finder:
    """A model that hashes and searches; to be closed.

    A model that is trained by its name needs the dataset that it is trained on. Others hash pictures without one: a
    checkpoint says which size it takes, and perceptual hashes, descriptors and models of the user's own are given one.

    Args:
        request: one model, one code length, one defense, and the setting.
        host: the plugins.
        progress: called with (done, total, what).
        from_dataset: whether queries or items are the dataset's.

    Raises:
        UsageError: a name or an option is wrong.
        InputError: the model's file, or the dataset, cannot be read.
    """

    def __init__(self, request: Request, host: PluginHost, progress: Progress, *, from_dataset: bool) -> None:
        model, setting = request.models[0], request.setting
        if setting.dataset == AUTO and not from_dataset and _needs_no_dataset(model, setting, host):
            request = replace(request, setting=replace(setting, dataset=_no_data(_size(model, setting))))
        request = settled(request, host)
        self.resources = Resources(request.setting, host, progress)
        check(request, self.resources)
        cells = plan(request, known(request, self.resources))
        self._victim = cells[0].victim
        self._named = bool(request.directions)
        self._directions: Sequence[Direction] = tuple(dict.fromkeys(cell.direction for cell in cells))
        self._systems = Systems(self.resources)

    def system(self, *, query: str | None = None, item: str | None = None) -> System:
        """The model in the first direction that fits: of those asked for, of the model's usual ones, of the dataset's.

        Args:
            query: modality of what searches; None is any.
            item: modality of what is searched; None is any.

        Raises:
            CapabilityError: there is none.
        """
        others = () if self._named else self.resources.directions
        for one in (*self._directions, *others):
            if query in (None, one.query) and item in (None, one.item):
                return self._systems.get(self._victim, one)
        wanted = " and ".join(
            f"{modality}s {role}" for role, modality in (("as queries", query), ("as items", item)) if modality
        )
        raise CapabilityError(
            f"{self._victim} on {self.resources.data.name} has no direction with {wanted}",
            hint="leave out --direction" if self._named else "choose a model and a dataset of images and texts",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._systems.close()


def _needs_no_dataset(model: AnyModel, setting: RunSettings, host: PluginHost) -> bool:
    name = registered_name(model)
    if name is None or setting.checkpoint is not None:
        return True
    return isinstance(Plugins(host, setting.options).model(name).plugin, ReadyModel | Descriptor)


def _size(model: AnyModel, setting: RunSettings) -> int:
    """Height and width of the images that a model takes: as asked, as its checkpoint says, or the usual."""
    if setting.image_size is not None:
        return setting.image_size
    description = _description(model, setting)
    return USUAL_SIZE if description is None else description.image_size


def _description(model: AnyModel, setting: RunSettings) -> Description | None:
    path = checkpoint_path(model)
    if path is None and registered_name(model) is not None:
        path = setting.checkpoint
    return None if path is None else read_description(path)


def _no_data(size: int) -> RetrievalData:
    """What a model is built for where there is no dataset: the shape of an image."""
    blank = Split.of_images(
        name="query",
        images=ArrayImages(torch.zeros((1, 3, size, size), dtype=torch.uint8)),
        labels=torch.zeros((1, 1), dtype=torch.uint8),
        ids=("blank",),
    )
    return RetrievalData(name="pictures", classes=("none",), query=blank, database=blank, train=blank)


def one_model(request: Request) -> None:
    """Refuses a request of several models, code lengths or defenses.

    Raises:
        UsageError: there are several.
    """
    for what, values in (("model", request.models), ("code length", request.bits), ("defense", request.defenses)):
        if len(values) > 1:
            raise UsageError(f"{len(values)} {what}s: {', '.join(map(shown, values))}", hint="name one")
