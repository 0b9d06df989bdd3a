"""What the cells of a run share, each made once: plugin objects, the dataset, the device."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import torch

from robusthash.contracts import (
    Attack,
    Backbone,
    ClosedForm,
    Dataset,
    DatasetContext,
    Defense,
    Distance,
    Ensemble,
    Objective,
    ReadyModel,
    RetrievalData,
    Retriever,
)
from robusthash.errors import ContractError, OptionError, UnknownNameError, UsageError
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.victims.codes import query_subset
from robusthash.evaluation.victims.searching import check_promises, preferred
from robusthash.host import CORE, PluginHost, PluginKind, Registered
from robusthash.memory import Batches
from robusthash.metrics import RankingMetric, by_name
from robusthash.options import as_plain
from robusthash.results import PluginUse
from robusthash.specs import Goal
from robusthash.storage import cache_folder
from robusthash.training import Progress

TRAIN = "train"  #: the owner of training options: ``-o train.epochs=5``
AUTO = "auto"
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SMALL_IMAGE = 64
_SHARD_SIZES = (128, 32)  #: queries to a shard, for small and for large images

Plugin = TypeVar("Plugin")
Method = (
    Objective | ClosedForm | ReadyModel
)  #: what a registered model may be: a loss, a projection, or the model itself


@dataclass(frozen=True, kw_only=True)
class Chosen(Generic[Plugin]):
    """A plugin object with its options, and what the record says of it."""

    plugin: Plugin
    use: PluginUse
    registered: Registered


class Resources:
    """Makes what a setting names, on first use.

    Args:
        setting: what all cells have in common.
        host: the plugins.
        progress: called with (done, total, what) during long steps.

    Attributes:
        batches: how many queries fit into memory at once.
    """

    def __init__(self, setting: RunSettings, host: PluginHost, progress: Progress) -> None:
        self.setting = setting
        self.host = host
        self.progress = progress
        self.batches = Batches()

    @cached_property
    def device(self) -> torch.device:
        """Where to compute.

        Raises:
            UsageError: CUDA was asked for and is not there, or the name is no device.
        """
        name = self.setting.device
        if name == AUTO:
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if name not in {"cpu", "cuda"}:
            raise UsageError(f"unknown device {name!r}", hint="auto, cpu or cuda")
        if name == "cuda" and not torch.cuda.is_available():
            raise UsageError("no CUDA device is available", hint="use --device cpu")
        return torch.device(name)

    @cached_property
    def dataset(self) -> "Chosen[Dataset]":
        """The dataset, before it is loaded."""
        return self.choose(PluginKind.DATASET, self.setting.dataset, Dataset)

    @cached_property
    def data(self) -> RetrievalData:
        """The loaded dataset.

        Raises:
            DatasetError: files are missing or wrong.
        """
        context = DatasetContext(
            root=self.setting.data_root,
            cache=cache_folder(),
            image_size=self.setting.image_size,
            progress=self.progress,
        )
        return self.dataset.plugin.load(context)

    @cached_property
    def query_positions(self) -> list[int]:
        """Positions, in the query split, of the queries to attack."""
        return query_subset(len(self.data.query), self.setting.queries, self.setting.seed)

    @cached_property
    def shard_size(self) -> int:
        """Queries to a shard."""
        small, large = _SHARD_SIZES
        default = small if max(self.data.query.images.size) <= _SMALL_IMAGE else large
        return self.setting.shard_size or default

    @cached_property
    def retriever(self) -> "Chosen[Retriever]":
        """The search of codes; the record says which."""
        return self.retriever_for(Distance.HAMMING)

    def retriever_for(self, distance: Distance) -> "Chosen[Retriever]":
        """The retriever that the setting names, or the one that is preferred for a distance.

        Args:
            distance: what the run searches by.

        Raises:
            UsageError: no retriever serves the distance.
            ContractError: the retriever's capabilities are not what its spec says.
        """
        if self.setting.retriever != AUTO:
            return check_promises(self.choose(PluginKind.RETRIEVER, self.setting.retriever, Retriever))

        def make(one: Registered) -> "Chosen[Retriever]":
            options = self.setting.options.get(one.spec.name, {})
            return self.choose(PluginKind.RETRIEVER, one.full_name, Retriever, options)

        return preferred(self.host.all(PluginKind.RETRIEVER), distance, make, core=CORE)

    @cached_property
    def metrics(self) -> "dict[str, RankingMetric]":
        """The ranking metrics by their own names, which carry their options; the headline first."""
        return by_name(self.choose(PluginKind.METRIC, name, RankingMetric).plugin for name in self.setting.metrics)

    @property
    def protocols(self) -> dict[str, str]:
        """Each metric's protocol id."""
        return {name: metric.protocol for name, metric in self.metrics.items()}

    def attack(self, name: str, varied: Mapping[str, Any] = _NOTHING) -> "Chosen[Attack]":
        """An attack by name. Of an ensemble, the record has every member's options.

        Args:
            name: registered name.
            varied: options beside the setting's.

        Raises:
            ContractError: a member of an ensemble is an ensemble itself, pulls to a target, or is not held to epsilon.
        """
        chosen = self.choose(PluginKind.ATTACK, name, Attack, {**self.setting.options.get(name, {}), **varied})
        if not isinstance(chosen.plugin, Ensemble):
            return chosen
        members = [self.choose(PluginKind.ATTACK, member, Attack) for member in chosen.plugin.members]
        for member in members:
            plugin = member.plugin
            if isinstance(plugin, Ensemble) or plugin.goal is Goal.TARGETED or not plugin.bounded:
                raise ContractError(f"{member.use.name!r} cannot be a member of {name!r} of {chosen.use.owner}")
        # The place is told because JSON keeps no order, and the arrays name the member of each query by it.
        told = {
            member.use.name: {"place": place, "owner": member.use.owner, **member.use.options}
            for place, member in enumerate(members)
        }
        return replace(chosen, use=replace(chosen.use, options={**chosen.use.options, "members": told}))

    def defense(self, name: str) -> "Chosen[Defense]":
        """A defense by name."""
        return self.choose(PluginKind.DEFENSE, name, Defense)

    def model(self, name: str) -> "Chosen[Method]":
        """What makes a model, by the model's name."""
        return self.choose(PluginKind.MODEL, name, (Objective, ClosedForm, ReadyModel))

    def own_bits(self, names: Iterable[str]) -> dict[str, int]:
        """Code lengths of the models, of these, that have one of their own.

        Args:
            names: registered names.
        """
        found = {name: self.model(name).plugin for name in names}
        return {name: method.bits for name, method in found.items() if isinstance(method, ReadyModel)}

    def backbone(self, name: str, options: Mapping[str, Any] | None = None) -> "Chosen[Backbone]":
        """A backbone by name.

        Args:
            name: registered name.
            options: in place of the setting's, as a checkpoint describes them.
        """
        return self.choose(PluginKind.BACKBONE, name, Backbone, options)

    def choose(
        self,
        kind: PluginKind,
        name: str,
        contract: type[Plugin] | tuple[type[Plugin], ...],
        options: Mapping[str, Any] | None = None,
    ) -> "Chosen[Plugin]":
        """A plugin object by kind and name, with the setting's options.

        Args:
            kind: what it is.
            name: registered name.
            contract: what it must be, or one of several.
            options: in place of the setting's.

        Raises:
            UnknownNameError: nothing is registered under this name.
            OptionError: an option of it is wrong.
            UsageError: its factory does not make such a thing.
        """
        registered = self.host.find(kind, name)
        given = self.setting.options.get(name, {}) if options is None else options
        plugin = self.host.create(registered, given)
        if not isinstance(plugin, contract):
            wanted = " or ".join(one.__name__ for one in (contract if isinstance(contract, tuple) else (contract,)))
            raise UsageError(
                f"{kind} {name!r} of {registered.owner} is a {type(plugin).__name__}, not a {wanted}",
                hint="report it to the plugin's author",
            )
        use = PluginUse(name=registered.spec.name, owner=str(registered.owner), options=as_plain(plugin))
        return Chosen(plugin=plugin, use=use, registered=registered)

    def check_option_owners(self, names: Iterable[str]) -> None:
        """Refuses options of plugins that this run does not use.

        Args:
            names: of the plugins in use.

        Raises:
            OptionError: an option belongs to none of them.
        """
        used = {*names, TRAIN}
        for owner in self.setting.options:
            if owner not in used:
                unknown = UnknownNameError("option owner", owner, used)
                raise OptionError(unknown.message, hint=unknown.hint)


def user_path(name: str) -> Path | None:
    """The file of a model given as ``path/to/file.py:build``, or None for a registered name."""
    path, separator, _ = name.rpartition(":")
    return Path(path) if separator and path.endswith(".py") else None
