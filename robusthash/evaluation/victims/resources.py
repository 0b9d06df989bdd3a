"""What the cells of a run share, each created once: plugins, dataset, queries, device."""

import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from robusthash.adversary import Targets, TargetSelector
from robusthash.boundary import IN_MEMORY, Whose, blaming, foreign
from robusthash.contracts import (
    DatasetContext,
    Distance,
    EpochWatch,
    Modality,
    Progress,
    RetrievalData,
    Retriever,
    Space,
    Split,
    Team,
    unwatched,
)
from robusthash.devices import find_device, note_bfloat16
from robusthash.errors import CapabilityError, RobustHashNote
from robusthash.evaluation.planning.request import AUTO, DEFAULT_METRICS, RunSettings
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.loading import check_dataset, load_dataset
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.evaluation.victims.searching import check_promises, preferred
from robusthash.events import EpochInfo
from robusthash.files.caching import cache_folder
from robusthash.host import CORE, PluginHost, PluginKind
from robusthash.memory import Batches
from robusthash.metrics import RankingMetric, by_name, metrics_of, returned_metrics
from robusthash.results import DatasetUse, PluginUse
from robusthash.specs import Direction, Precision, ScoreBy
from robusthash.version import __version__

_SMALL_IMAGE = 64
_VALIDATION = "validation"  #: what an attack that learns calls its loss on the part that takes no steps
_SHARD_SIZES = (128, 32)  #: queries per shard, for small and for large inputs


def usual_shard_size(modalities: Iterable[Modality]) -> int:
    """Default number of queries per shard.

    Args:
        modalities: modalities of the dataset's items; the largest decides.
    """
    small, large = _SHARD_SIZES
    sides = [max(modality.shape[1:], default=0) for modality in modalities]
    return small if max(sides) <= _SMALL_IMAGE else large


def query_subset(count: int, wanted: int | None, seed: int) -> list[int]:
    """Positions of the queries to attack, ascending: all of them, or a random subset.

    Args:
        count: number of queries in the split.
        wanted: number of queries to attack; None is all.
        seed: of the draw.

    >>> query_subset(5, None, 0)
    [0, 1, 2, 3, 4]
    """
    if wanted is None or wanted >= count:
        return list(range(count))
    draw = np.random.Generator(np.random.Philox(key=seed)).permutation(count)[:wanted]
    return sorted(int(position) for position in draw)


def versions() -> dict[str, str]:
    """Versions of the libraries that compute, for the record and the keys of caches."""
    return {"robusthash": __version__, "torch": torch.__version__, "numpy": np.__version__}


class Resources:
    """Creates what a setting names, on first use.

    Args:
        setting: what all cells have in common.
        host: the plugins.
        progress: called with (done, total, what) during long steps.
        observed: whether observers are told of trainings; a worker's are not.

    Attributes:
        plugins: plugin objects with the run's options.
        batches: how many queries fit into memory at once.
        samples: folder of the pictures that attacks show while they learn; None keeps none.
        team: the processes that learn together.
    """

    def __init__(
        self,
        setting: RunSettings,
        host: PluginHost,
        progress: Progress,
        *,
        observed: bool = True,
        samples: Path | None = None,
        team: Team | None = None,
    ) -> None:
        self.setting = setting
        self.host = host
        self.progress = progress
        self._observed = observed
        self.plugins = Plugins(host, setting.options)
        self.batches = Batches()
        self.samples = samples
        self.team = team or Team()

    def watch(self, training: str) -> EpochWatch:
        """Tells observers of each epoch of a training.

        Args:
            training: what is trained, for people.
        """

        def tell(epoch: int, epochs: int, loss: float, found: float | None) -> None:
            told = EpochInfo(training=training, epoch=epoch, epochs=epochs, loss=loss, map=found)
            self.host.notify("robusthash_epoch_finished", epoch=told)

        return tell if self._observed else unwatched

    def tell_losses(self, training: str, epoch: int, epochs: int, losses: Mapping[str, float]) -> None:
        """Tells observers of an epoch of an attack that learns.

        Args:
            training: what learns, and on what, for people.
            epoch: epochs done.
            epochs: all epochs.
            losses: by name.
        """
        if self._observed and losses:
            loss = losses.get(_VALIDATION, next(iter(losses.values())))
            told = EpochInfo(training=training, epoch=epoch, epochs=epochs, loss=loss, losses=dict(losses))
            self.host.notify("robusthash_epoch_finished", epoch=told)

    @cached_property
    def device(self) -> torch.device:
        """Where to compute.

        Raises:
            UsageError: it is not there.
        """
        found = find_device(self.setting.device)
        if found.type == "cuda" and found.index is not None:
            torch.cuda.set_device(found)  # what asks for a GPU without a number, as retrievers do, takes this one
        return found

    @cached_property
    def precision(self) -> Precision:
        """Of the attacks' passes; that it makes them slower, where it does, is told once."""
        if self._observed and self.setting.precision is Precision.BF16:
            note_bfloat16(self.device)
        return self.setting.precision

    @cached_property
    def data(self) -> RetrievalData:
        """The loaded dataset.

        Raises:
            DatasetError: files are missing or wrong.
            PluginError: the dataset failed, or did not load what its contract requires.
        """
        named = self.setting.dataset
        if isinstance(named, RetrievalData):
            return check_dataset(named, Whose(what=f"dataset {named.name!r}", owner=IN_MEMORY))
        context = DatasetContext(
            root=self.setting.data_root,
            cache=cache_folder(),
            image_size=self.setting.image_size,
            progress=self.progress,
        )
        with warnings.catch_warnings():
            if not self._observed:  # the process that gives the work has told how the data is read
                warnings.simplefilter("ignore", RobustHashNote)
            return load_dataset(self.plugins.dataset(named).plugin, context)

    @cached_property
    def positions(self) -> list[int]:
        """Positions of the attacked queries in the dataset's query split; they key their randomness."""
        return query_subset(len(self.data.query), self.setting.queries, self.setting.seed)

    @cached_property
    def queries(self) -> Split:
        """The queries to attack: all of the dataset, or a random subset."""
        with foreign(self.data, "select queries"):
            return self.data.query.take(self.positions)

    @cached_property
    def targets(self) -> Targets:
        """Target labels and anchors of the queries, the same for every victim and attack.

        Raises:
            DatasetError: no item of the database has a label.
        """
        select = TargetSelector(seed=self.setting.seed).select
        return select(self.queries.labels, torch.tensor(self.positions), self.data.database.labels)

    def attack_instead(self, queries: Split) -> None:
        """Replaces the dataset's queries by others, before any cell is prepared."""
        self.queries, self.positions = queries, list(range(len(queries)))

    @cached_property
    def dataset_use(self) -> DatasetUse:
        """The dataset's entry in the record."""
        named, data, queries = self.setting.dataset, self.data, self.queries
        if isinstance(named, RetrievalData):
            use = PluginUse(name=data.name, owner=IN_MEMORY)
        else:
            use = self.plugins.dataset(named).use
        return DatasetUse(
            name=data.name,
            owner=use.owner,
            options=use.options,
            digest=data.digest,
            queries=len(queries),
            query_digest=queries.digest,
            database=len(data.database),
        )

    @cached_property
    def directions(self) -> tuple[Direction, ...]:
        """Directions that the dataset's modalities allow, ``i2i`` first.

        Raises:
            CapabilityError: the dataset has neither images nor texts.
        """
        modalities = self.data.modalities
        found = tuple(one for one in Direction if one.query in modalities and one.item in modalities)
        if not found:
            raise CapabilityError(
                f"dataset {self.data.name} has neither images nor texts, only {', '.join(modalities)}"
            )
        return found

    @cached_property
    def shard_size(self) -> int:
        """Number of queries per shard."""
        return self.setting.shard_size or usual_shard_size(self.data.modalities.values())

    def retriever(self, distance: Distance) -> Chosen[Retriever]:
        """The retriever that the setting names, or the preferred one.

        Args:
            distance: the distance to search by.

        Raises:
            UsageError: no exact retriever searches by this distance.
            ContractError: the retriever's capabilities contradict its spec.
        """
        if self.setting.retriever != AUTO:
            return check_promises(self.plugins.retriever(self.setting.retriever))
        return preferred(self.host.all(PluginKind.RETRIEVER), distance, self.plugins.retriever, core=CORE)

    @cached_property
    def metrics(self) -> dict[str, RankingMetric]:
        """The ranking metrics by name, the headline first. A metric's name includes its options.

        Raises:
            UsageError: a metric is unknown, two have the same name, or one needs more than a retriever returns.
        """
        metrics = [chosen.plugin for chosen in self._chosen_metrics]
        with blaming(None, "compare the metrics"):
            by_retriever = self.setting.score_by is ScoreBy.RETRIEVER
            return by_name(returned_metrics(metrics) if by_retriever else metrics)

    @property
    def metric_uses(self) -> dict[str, PluginUse]:
        """The metrics as plugins, for the record, by their own names; also of returned lists, if those are scored."""
        chosen, qualify = self._chosen_metrics, self.setting.score_by.qualify
        exact = {one.plugin.name: one.use for one in chosen}
        return {**{qualify(name): use for name, use in exact.items()}, **exact}

    @cached_property
    def _chosen_metrics(self) -> list[Chosen[RankingMetric]]:
        return [self.plugins.metric(named) for named in self.setting.metrics]

    def metrics_for(self, space: Space) -> dict[str, RankingMetric]:
        """The metrics that exist in a space, the headline first.

        Args:
            space: where items are compared.

        Raises:
            UsageError: a metric that the user named does not exist in the space.
        """
        return metrics_of(space, self.metrics, named=self.setting.metrics != DEFAULT_METRICS)[0]
