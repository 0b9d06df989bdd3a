"""Victims with what they search: a few are kept, their indexes are closed, and a model is known by what it computes."""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from robusthash import devices, load_dataset
from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    CrossModalHashModel,
    Dataset,
    DatasetContext,
    HashModel,
    Index,
    Modality,
    Neighbours,
    Progress,
    RetrievalData,
    Retriever,
    RetrieverCapabilities,
    Space,
    silent,
)
from robusthash.errors import CapabilityError, RobustHashNote, UsageError
from robusthash.evaluation import Request, RunSettings, VictimPlan, evaluate
from robusthash.evaluation.victims.making import get_victim
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import System, Systems
from robusthash.host import PluginHost
from robusthash.retrieval import TorchRetriever
from robusthash.specs import Direction, Distance, Precision
from robusthash.testing import DescriptorVictim, LinearVictim, SmallVictim, TextVictim

pytestmark = pytest.mark.usefixtures("cache")

I2I = Direction.I2I


class Counted(Retriever):
    """Exact, and keeps count of the indexes that are open, and of those that were closed."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []

    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=True, max_k=None, radius=False, distances=frozenset(Distance))

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        retriever, inner = self, TorchRetriever(device="cpu").index(items, space)
        retriever.opened.append(key)

        class CountedIndex(Index):
            def _search(self, queries: Tensor, k: int) -> Neighbours:
                return inner.search(queries, k)

            def _close(self) -> None:
                retriever.closed.append(key)

        return CountedIndex(items, space, key, self.capabilities)

    @property
    def open(self) -> list[str]:
        return [key for key in self.opened if key not in self.closed]


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def systems(host: PluginHost, counted: Counted) -> Iterator[Systems]:
    found = Systems(Resources(RunSettings(queries=4, retriever=counted, device="cpu"), host, silent))
    yield found
    found.close()


def planned(count: int) -> list[VictimPlan]:
    return [VictimPlan(model=LinearVictim(seed=seed), bits=8) for seed in range(count)]


def searched(systems: Systems, plan: VictimPlan) -> str:
    """The key of a victim's index, which is built if it is not there."""
    return systems.get(plan, I2I).database.index.key


def test_a_system_is_made_once(systems: Systems, counted: Counted) -> None:
    (plan,) = planned(1)
    system = systems.get(plan, I2I)
    assert systems.get(plan, I2I) is system
    assert system.database is system.database
    assert system.bank is system.bank
    assert len(counted.opened) == 1
    assert system.query_model is system.item_model is plan.model
    assert system.database.codes.shape == (len(systems.resources.data.database), 8)
    assert system.bank.codes.shape == (len(systems.resources.data.train), 8)


def test_the_victim_that_was_used_longest_ago_is_forgotten_and_its_index_closed(
    systems: Systems, counted: Counted
) -> None:
    plans = planned(6)
    keys = [searched(systems, plan) for plan in plans[:4]]
    assert counted.open == keys
    assert searched(systems, plans[0]) == keys[0]  # now the last one used
    keys += [searched(systems, plan) for plan in plans[4:]]
    assert counted.closed == [keys[1], keys[2]]
    assert counted.open == [keys[0], keys[3], keys[4], keys[5]]
    again = systems.get(plans[1], I2I)
    assert not again.database.index.closed
    assert counted.opened == [*keys, keys[1]], "an equal database has an equal key"


def test_every_index_is_closed_once_at_the_end(systems: Systems, counted: Counted) -> None:
    plans = planned(3)
    keys = [searched(systems, plan) for plan in plans[:2]]
    systems.get(plans[2], I2I)  # which nobody searches
    systems.drop(plans[0])
    systems.drop(plans[0])
    systems.close()
    systems.close()
    assert counted.closed == keys
    assert len(counted.opened) == 2


def test_a_dropped_victim_is_made_again(systems: Systems) -> None:
    (plan,) = planned(1)
    first = systems.get(plan, I2I)
    systems.drop(plan)
    assert systems.get(plan, I2I) is not first


@dataclass(frozen=True, kw_only=True)
class Fails(Attack):
    """An attack that raises."""

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        raise ValueError("no")


class Interrupted(BaseException):
    """Not an error of robusthash's."""


def test_a_run_leaves_no_index_open_however_it_ends(host: PluginHost, tmp_path: Path) -> None:
    def run(attack: str | Attack, folder: str, progress: Progress = silent) -> list[str]:
        counted = Counted()
        setting = RunSettings(queries=4, retriever=counted, device="cpu", options={})
        request = Request(models=(LinearVictim(), LinearVictim(seed=1)), attacks=(attack,), setting=setting)
        with suppress(Interrupted):
            evaluate(request, host, results=tmp_path / folder, progress=progress)
        assert sorted(counted.closed) == sorted(counted.opened)
        return counted.opened

    def interrupt(done: int, total: int, what: str) -> None:
        if what.startswith("rnm") and done == total:
            raise Interrupted

    assert len(run("rnm", "done")) == 2
    assert len(run(Fails(), "failed")) == 2
    assert len(run("rnm", "interrupted", progress=interrupt)) == 1


# --- what a model is known by -----------------------------------------------------------------------------------------


def known_by(model: HashModel | CrossModalHashModel, host: PluginHost) -> str:
    """The digest of a model's entry in the record."""
    resources = Resources(RunSettings(queries=4, device="cpu"), host, silent)
    return get_victim(VictimPlan(model=model, bits=None), resources).use.digest


class Doubled(LinearVictim):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward((2 * inputs).clamp(0, 1))


class Noisy(LinearVictim):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs + 0.5 * torch.randn_like(inputs))


class Scaled(LinearVictim):
    """The same signs."""

    def forward(self, inputs: Tensor) -> Tensor:
        return 3 * super().forward(inputs)


def test_equal_weights_in_another_network_are_another_model(host: PluginHost) -> None:
    plain = known_by(LinearVictim(), host)
    assert known_by(LinearVictim(), host) == plain
    assert known_by(Scaled(), host) == plain, "what its codes are is what counts"
    found = [plain, known_by(LinearVictim(seed=1), host), known_by(Doubled(), host), known_by(Noisy(), host)]
    assert len(set(found)) == 4


def test_a_randomised_model_is_one_model_and_leaves_the_generators_alone(host: PluginHost) -> None:
    torch.manual_seed(3)
    first = known_by(Noisy(), host)
    expected = torch.get_rng_state()
    torch.manual_seed(3)
    torch.rand(0)
    assert known_by(Noisy(), host) == first
    assert torch.equal(torch.get_rng_state(), expected)
    torch.manual_seed(4)
    assert known_by(Noisy(), host) == first


def test_a_number_of_threads_changes_no_digest(host: PluginHost) -> None:
    before = torch.get_num_threads()
    try:
        found = set()
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.add(known_by(SmallVictim(), host))
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


@pytest.mark.parametrize("distance", [Distance.COSINE, Distance.L2])
def test_a_system_of_descriptors_searches_them(distance: Distance, host: PluginHost) -> None:
    resources = Resources(RunSettings(queries=4, device="cpu"), host, silent)
    model = DescriptorVictim(distance=distance)
    system = Systems(resources).get(VictimPlan(model=model, bits=None), I2I)
    assert system.space == Space(distance=distance, size=16)
    assert system.victim.use.bits is None
    assert (system.victim.use.size, system.victim.use.distance) == (16, distance)
    items = resources.data.database.images.inputs(range(7))
    torch.testing.assert_close(system.database.representation[:7], model(items).detach())
    assert system.database.codes is system.database.representation
    assert distance in system.retriever.plugin.capabilities.distances
    own = system.database.index.search(system.database.representation[:5].contiguous(), 1)
    assert own.ids.flatten().tolist() == [0, 1, 2, 3, 4]


def test_a_model_that_cannot_take_the_items_is_refused(host: PluginHost) -> None:
    resources = Resources(RunSettings(queries=4, device="cpu"), host, silent)
    large = SmallVictim()
    large.modality = Modality.image(32)
    with pytest.raises(UsageError, match=r"\(3, 32, 32\)"):
        get_victim(VictimPlan(model=large, bits=16), resources)
    words = get_victim(VictimPlan(model=TextVictim(), bits=16), resources)
    with pytest.raises(CapabilityError, match="'image', only text"):
        System(words, I2I, resources)
    with pytest.raises(CapabilityError, match="'text'"):
        System(get_victim(VictimPlan(model=LinearVictim(), bits=8), resources), Direction.I2T, resources)


def test_a_victim_is_probed_once(host: PluginHost) -> None:
    resources = Resources(RunSettings(queries=30, device="cpu"), host, silent)
    system = Systems(resources).get(VictimPlan(model=LinearVictim(), bits=8), I2I)
    assert system.probe is system.probe
    assert system.probe.reached == 1.0  # over the whole box every bit of a linear victim can be flipped
    assert system.probe.randomised == 0.0


@pytest.mark.parametrize("observed", [True, False])
def test_a_worker_does_not_repeat_how_data_is_read(observed: bool) -> None:
    class Noting(Dataset):
        def load(self, context: DatasetContext) -> RetrievalData:
            warnings.warn("read as ImageFolder", RobustHashNote, stacklevel=2)
            return load_dataset("digits")

    setting = RunSettings(dataset=Noting(), queries=4, device="cpu")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RobustHashNote)
        _ = Resources(setting, PluginHost.load(), silent, observed=observed).data
    assert len(told) == observed


@pytest.mark.parametrize(("computed", "observed", "notes"), [(False, True, 1), (False, False, 0), (True, True, 0)])
def test_passes_that_half_precision_makes_slower_are_noted_once(
    computed: bool, observed: bool, notes: int, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "has_bfloat16", lambda _: computed)
    setting = RunSettings(device="cpu", precision=Precision.BF16)
    resources = Resources(setting, host, silent, observed=observed)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RobustHashNote)
        assert [resources.precision for _ in range(2)] == [Precision.BF16] * 2
    assert len(told) == notes
