"""Systems: a victim with the database that it searches, in one direction."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from robusthash.adversary import VictimProbe, probe
from robusthash.boundary import warned
from robusthash.contracts import (
    CodeBank,
    HashModel,
    Index,
    Modality,
    Randomness,
    Retriever,
    Space,
    Split,
    isolated_randomness,
    read_inputs,
)
from robusthash.errors import RobustHashError, StorageError
from robusthash.evaluation.planning.names import registered_name, shown
from robusthash.evaluation.planning.plan import VictimPlan
from robusthash.evaluation.victims.chosen import Chosen
from robusthash.evaluation.victims.codes import cached_representation
from robusthash.evaluation.victims.making import defended, placed, undefended
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.victim import Victim
from robusthash.files.storage import digest
from robusthash.metrics.counting.labels import PackedLabels, pack_labels
from robusthash.specs import Direction

PROBED = 16  #: number of queries that a victim is probed on


@dataclass(frozen=True, kw_only=True, eq=False)
class Database:
    """The items that are searched.

    Attributes:
        representation: packed codes, (items, ceil(bits / 8)) uint8, or descriptors, (items, d) float32.
        labels: (items, classes) uint8.
        space: where the items are compared.
        index: the retriever's index over the representations.
        known: what scoring found of queries that come again, by their digest.
    """

    representation: Tensor
    labels: Tensor
    space: Space
    index: Index
    known: dict[str, Any] = field(init=False, default_factory=dict, repr=False)

    @cached_property
    def packed_labels(self) -> PackedLabels:
        """The labels eight classes to the byte."""
        return pack_labels(self.labels)

    @property
    def codes(self) -> Tensor:
        """Unpacked codes, (items, bits) int8 in {-1, +1}, which take a byte a bit; descriptors unchanged."""
        return self.space.codes(self.representation)


class System:
    """A victim with the database that it searches, in one direction.

    Args:
        victim: the model.
        direction: what searches for what; it selects the attacked tower and the searched one.
        resources: the dataset and the plugins.

    Attributes:
        query_model: the tower that hashes queries, which is attacked.
        item_model: the tower that hashes items.
        dropped: whether it is not to be used for anything new.

    Raises:
        CapabilityError: the victim has no tower for a modality of the direction.
    """

    dropped = False

    def __init__(self, victim: Victim, direction: Direction, resources: Resources) -> None:
        self.victim = victim
        self.direction = direction
        self.resources = resources
        self.query_model: HashModel = victim.tower(direction.query)
        self.item_model: HashModel = victim.tower(direction.item)

    @property
    def space(self) -> Space:
        """The space where queries and items are compared."""
        return self.query_model.space

    @property
    def modality(self) -> Modality:
        """The modality of the queries."""
        return self.query_model.modality

    @cached_property
    def retriever(self) -> Chosen[Retriever]:
        """The retriever that searches the database."""
        return self.resources.retriever(self.space.distance)

    @cached_property
    def database(self) -> Database:
        """The hashed database and its index."""
        split = self.resources.data.database
        items = self._represented(split)
        index = self.retriever.plugin.index(items, self.space)
        return Database(representation=items, labels=split.labels, space=self.space, index=index)

    @cached_property
    def bank(self) -> CodeBank:
        """Codes and labels of the train split, hashed by the searched tower; on the device."""
        train, device = self.resources.data.train, self.resources.device
        codes = self.space.codes(self._represented(train))
        return CodeBank(codes=codes.to(device), labels=train.labels.to(device))

    @cached_property
    def compiled(self) -> Callable[[Tensor], Tensor] | None:
        """The compiled form of the attacked tower, if the setting asks for it; its batch size may vary."""
        return torch.compile(self.query_model, dynamic=True) if self.resources.setting.compiled else None

    @cached_property
    def probe(self) -> VictimProbe:
        """The probe of the victim, on the first queries."""
        queries, device = self.resources.queries, self.resources.device
        rows = range(min(PROBED, len(queries)))
        inputs = read_inputs(queries.view(self.direction.query), rows).to(device)
        ids = torch.tensor(self.resources.positions, device=device)
        with isolated_randomness(Randomness(seed=self.resources.setting.seed, purpose="probe"), ids):
            return probe(self.query_model, inputs)

    def close(self) -> None:
        """Closes the index, if it was built."""
        if "database" in self.__dict__:
            warned(self.database.index, "be closed", self.database.index.close)

    def _represented(self, split: Split) -> Tensor:
        resources = self.resources
        return cached_representation(
            self.item_model,
            digest(self.victim.identity),
            split,
            device=resources.device,
            progress=resources.progress,
        )


class Systems:
    """An LRU cache of victims and their systems; it is small, because each victim holds a model.

    Args:
        resources: the dataset and the plugins.
    """

    most = 4

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self._victims: dict[VictimPlan, dict[Direction, System]] = {}
        self._failed: dict[VictimPlan, RobustHashError] = {}
        self._kept: Counter[System] = Counter()

    def get(self, plan: VictimPlan, direction: Direction) -> System:
        """A victim's system in one direction, created on first use. What has failed is not tried again.

        Args:
            plan: the victim.
            direction: what searches for what.

        Raises:
            RobustHashError: the victim cannot be made, as for :func:`~robusthash.evaluation.victims.making.get_victim`.
        """
        known = self._victims.pop(plan, {})
        if known:
            self._victims[plan] = known  # also if it cannot be used in this direction
        if direction not in known:
            victim = next(iter(known.values())).victim if known else self._made(plan)
            known[direction] = System(victim, direction, self.resources)
        self._victims[plan] = known
        if len(self._victims) > self.most:
            self.drop(next(iter(self._victims)))
        return known[direction]

    def owner(self, plan: VictimPlan) -> str:
        """Distribution and version of what could not make a victim: its model, or else its defense.

        Args:
            plan: the victim. A file is named itself.
        """
        plugins, name = self.resources.plugins, registered_name(plan.model)
        if plan.defense is not None and replace(plan, defense=None) not in self._failed:
            return plugins.defense(plan.defense).use.owner
        return plugins.model(name).use.owner if name else shown(plan.model)

    def _made(self, plan: VictimPlan) -> Victim:
        resources, defense = self.resources, plan.defense
        victim = self._tried(replace(plan, defense=None), lambda: undefended(plan, resources))
        if defense is not None:
            before = victim
            victim = self._tried(plan, lambda: defended(before, defense, resources))
        return placed(victim, resources)

    def _tried(self, plan: VictimPlan, make: Callable[[], Victim]) -> Victim:
        """Makes a victim. What has failed, such as a training, is not repeated for the next cell or defense."""
        if plan in self._failed:
            raise self._failed[plan]
        try:
            return make()
        except StorageError:
            raise
        except RobustHashError as error:
            self._failed[plan] = error
            raise

    @contextmanager
    def kept(self, *systems: System) -> Iterator[None]:
        """Keeps systems open until the context ends, also if they are dropped meanwhile."""
        self._kept.update(systems)
        try:
            yield
        finally:
            self._kept.subtract(systems)
            for system in set(systems):
                if system.dropped:
                    self._close(system)

    def drop(self, plan: VictimPlan) -> None:
        """Removes a victim, such as one whose model may have been changed."""
        for system in self._victims.pop(plan, {}).values():
            system.dropped = True
            self._close(system)

    def close(self) -> None:
        """Closes every index."""
        for plan in list(self._victims):
            self.drop(plan)

    def _close(self, system: System) -> None:
        if not self._kept[system]:
            del self._kept[system]
            system.close()
