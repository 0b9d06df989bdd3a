"""What attacks learn: once, kept by what made it, the same bytes for whoever asks, and told with what it cost."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    Budget,
    Executor,
    LearningContext,
    Surrogate,
)
from robusthash.errors import ContractError, PluginError
from robusthash.evaluation import Local, Processes, Request, evaluate
from robusthash.evaluation.crafting.learning import Learnt, Stored, learnt
from robusthash.evaluation.planning.fitting import Fitting, InputKind
from robusthash.evaluation.running.preparing.cells import PreparedCell
from robusthash.files.tensors import load_tensors, save_tensors
from robusthash.host import PluginHost
from robusthash.results import PluginUse, ResultStore, Spent
from robusthash.testing import SmallVictim, toy_learning
from robusthash.testing.records import make_model


@dataclass(frozen=True, kw_only=True)
class Learner(Attack):
    """Learns whatever a test gives it, and keeps count."""

    result: object = None
    calls: list[int] = field(default_factory=list)

    def fit(self, context: LearningContext) -> Mapping[str, Tensor] | None:
        self.calls.append(1)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result  # type: ignore[return-value]  # that is what the guard is for

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return batch.inputs


class Meddler(Learner):
    def fit(self, context: LearningContext) -> Mapping[str, Tensor] | None:
        context.surrogate.model.train()
        return {}


class Spender(Learner):
    """Spends some passes, and takes up an unfinished learning."""

    def fit(self, context: LearningContext) -> Mapping[str, Tensor] | None:
        assert context.snapshots is not None
        before = context.snapshots.load()
        inputs = context.train.images.inputs(range(3)).requires_grad_()
        context.surrogate(inputs).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        context.surrogate(inputs.detach())
        context.snapshots.save({"half": torch.tensor([7.0])})
        if isinstance(self.result, int) and before is None:
            signal.raise_signal(self.result)
        return {"w": before.tensors["half"] if before else torch.zeros(1)}


@dataclass(frozen=True, kw_only=True)
class InStages(Attack):
    """Learns in two stages of four epochs, each with a snapshot of its own; it is killed at the start of one epoch."""

    killed_at: int | None = None

    def fit(self, context: LearningContext) -> Mapping[str, Tensor] | None:
        assert context.snapshots is not None
        inputs = context.train.images.inputs(range(3)).requires_grad_()
        total = torch.zeros(1)
        for stage in range(2):
            snapshots = context.snapshots.part(f"stage-{stage}")
            before = snapshots.load()
            if before is not None:
                assert before.about.keys() == {"epochs"}, "what the host stores beside it is none of the attack's"
                total = before.tensors["total"]
            for epoch in range(before.about["epochs"] if before else 0, 4):
                if self.killed_at == 4 * stage + epoch:
                    signal.raise_signal(signal.SIGINT)
                context.surrogate(inputs).sum().backward()  # type: ignore[no-untyped-call]  # as above
                total = total + 1
                snapshots.save({"total": total}, {"epochs": epoch + 1})
        return {"total": total}

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return batch.inputs


class Idle(Attack):
    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return batch.inputs


@pytest.fixture(autouse=True)
def own_cache(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that no other test has written to, but for the tests of whole runs."""
    if "small" in request.fixturenames:
        return tmp_path
    monkeypatch.setenv("ROBUSTHASH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def context() -> LearningContext:
    return toy_learning(SmallVictim())


PLAIN = Fitting(
    attack=PluginUse(name="learner", owner="toys 1.0"),
    learnt_from={},
    bounded=True,
    surrogate=make_model("toy", bits=16),
    inputs=InputKind(modality="image", shape=(3, 16, 16), low=0.0, high=1.0, levels=255),
    dataset="toys",
    dataset_digest="d",
    train_digest="t",
    classes=("a", "b", "c", "d"),
    epsilon=8 / 255,
    seed=0,
    device="cpu",
    versions={},
)


def found(attack: Attack, context: LearningContext, fitting: Fitting = PLAIN) -> Stored:
    """What an attack has learnt, which is something; counted by a budget of its own, as in a run."""
    fresh = replace(context, surrogate=Surrogate(context.surrogate.model, Budget()))
    outcome = learnt(attack, fresh, fitting)
    assert outcome is not None
    return outcome


def test_what_was_learnt_is_not_learnt_again(context: LearningContext, own_cache: Path) -> None:
    learner = Learner(result={"w": torch.arange(6.0).view(2, 3).T, "b": torch.tensor([1])})
    first, again = (found(learner, context) for _ in range(2))
    assert first.tensors.keys() == again.tensors.keys() == {"w", "b"}
    assert all(torch.equal(first.tensors[name], again.tensors[name]) for name in first.tensors)
    assert again.tensors["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert len(learner.calls) == 1
    found(learner, context, replace(PLAIN, seed=1))
    assert len(learner.calls) == 2
    assert len(list((own_cache / "attacks").iterdir())) == 2


@pytest.mark.parametrize("damage", ["torn", "no cost"])
def test_a_damaged_file_is_made_again(damage: str, context: LearningContext, own_cache: Path) -> None:
    learner = Learner(result={"w": torch.ones(2)})
    found(learner, context, PLAIN)
    (path,) = (own_cache / "attacks").iterdir()
    if damage == "torn":
        path.write_bytes(b"torn")
    else:
        save_tensors(path, load_tensors(path))
    again = found(learner, context, PLAIN)
    assert again.tensors["w"].tolist() == [1, 1]
    assert len(learner.calls) == 2
    assert path.stat().st_size > 8
    assert found(learner, context, PLAIN).fitting.spent == again.fitting.spent
    assert len(learner.calls) == 2


def test_an_attack_that_learns_nothing_leaves_nothing(context: LearningContext, own_cache: Path) -> None:
    assert learnt(Idle(), context, PLAIN) is None
    assert learnt(Learner(result=None), context, PLAIN) is None
    assert not (own_cache / "attacks").exists()


def test_what_learning_cost_is_told_by_whoever_takes_it_from_the_cache(context: LearningContext) -> None:
    first, again = (found(Spender(), context, PLAIN) for _ in range(2))
    assert (first.fitting.spent.forward, first.fitting.spent.backward) == (6, 3)
    assert first.fitting.spent.seconds > 0
    assert again.fitting.spent == first.fitting.spent


def test_a_learning_that_was_killed_goes_on_from_its_snapshot(context: LearningContext, own_cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        found(Spender(result=signal.SIGINT), context, PLAIN)
    assert [path.suffix for path in (own_cache / "attacks").iterdir()] == [".partial"]
    assert found(Spender(result=signal.SIGINT), context, PLAIN).tensors["w"].tolist() == [7.0]
    assert [path.suffix for path in (own_cache / "attacks").iterdir()] == [".safetensors"]


@pytest.mark.parametrize("kills", [(0,), (3,), (4,), (6,), (1, 2, 5)], ids=str)
def test_a_learning_that_was_killed_costs_what_an_undisturbed_one_costs(
    kills: tuple[int, ...], context: LearningContext
) -> None:
    """The record tells it: two runs of one cell must agree, however often one of them was interrupted."""
    for epoch in kills:
        with pytest.raises(KeyboardInterrupt):
            found(InStages(killed_at=epoch), context, PLAIN)
    resumed = found(InStages(), context, PLAIN)
    undisturbed = found(InStages(), context, replace(PLAIN, seed=1))
    assert resumed.tensors["total"].tolist() == undisturbed.tensors["total"].tolist() == [8.0]
    assert (undisturbed.fitting.spent.forward, undisturbed.fitting.spent.backward) == (24, 24)
    assert (resumed.fitting.spent.forward, resumed.fitting.spent.backward) == (24, 24)
    assert resumed.fitting.spent.seconds > 0


def test_a_snapshot_of_another_learning_is_not_taken_up(context: LearningContext) -> None:
    with pytest.raises(KeyboardInterrupt):
        found(Spender(result=signal.SIGINT), context)
    assert found(Spender(), context, replace(PLAIN, seed=1)).tensors["w"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("attack", "error", "says"),
    [
        (Learner(result=ValueError("no")), PluginError, "was to learn, and raised ValueError: no"),
        (Learner(result=torch.ones(2)), ContractError, "learnt a Tensor"),
        (Learner(result={"w": [1.0]}), ContractError, "learnt a dict"),
        (Learner(result={"w": torch.tensor([torch.nan])}), ContractError, "NaN or infinite values: w"),
        (Meddler(), ContractError, "changed the model while it learnt"),
    ],
)
def test_a_bad_learner_is_refused(
    attack: Attack, error: type[Exception], says: str, context: LearningContext, own_cache: Path
) -> None:
    with pytest.raises(error, match=says):
        learnt(attack, context, PLAIN)
    assert not (own_cache / "attacks").exists()


def _learning(small: Request, fit_steps: int) -> Request:
    options = {"train": {"epochs": "3"}, "tha": {"steps": "5", "fit_steps": str(fit_steps), "width": "16"}}
    return replace(small, attacks=("tha",), setting=replace(small.setting, options=options))


def test_a_cell_learns_before_its_first_shard_and_a_second_run_takes_it_from_the_cache(
    small: Request, host: PluginHost, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    runs = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        outcome = evaluate(
            _learning(small, 20), host, results=folder, progress=lambda _done, _total, what: seen.append(what)
        )
        assert not outcome.failures
        store = ResultStore(folder)
        runs.append(store.arrays(outcome.records[-1]).to_arrays())
    learning = [i for i, what in enumerate(seen) if what == "prototype network"]
    attacking = [i for i, what in enumerate(seen) if what.startswith("tha on")]
    assert len(learning) == 20
    assert attacking[0] < learning[0] < learning[-1] < attacking[1]
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name], runs[1][name])
    assert runs[0]["hamming"].any()


@dataclass(frozen=True, kw_only=True)
class Student(Attack):
    """Learns with ten forward and five backward passes, and lightens the queries by what it learnt."""

    def fit(self, context: LearningContext) -> Mapping[str, Tensor] | None:
        inputs = context.train.images.inputs(range(5)).to(context.device).requires_grad_()
        context.surrogate(inputs).sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        context.surrogate(inputs.detach())
        return {"step": torch.tensor(1 / 255)}

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        assert context.fitted is not None
        return (batch.inputs + context.fitted["step"]).clamp(0, 1)


@pytest.mark.usefixtures("cache")
def test_the_record_tells_what_learning_cost_and_what_the_queries_cost(
    small: Request, host: PluginHost, tmp_path: Path
) -> None:
    options = {"train": {"epochs": "3"}}
    request = replace(small, attacks=(Student(),), setting=replace(small.setting, options=options))
    records = {}
    for folder in (tmp_path / "one", tmp_path / "two"):
        noise, attacked = evaluate(request, host, results=folder).records
        assert noise.outcome.cost.learning is None
        records[folder.name] = attacked
    stored = next(one for one in ResultStore(tmp_path / "one").load_all()[0] if one.attack.name == "Student")
    learning = stored.outcome.cost.learning
    assert learning is not None
    assert (learning.forward, learning.backward) == (10, 5)
    assert learning.seconds > 0
    assert (stored.outcome.cost.forward, stored.outcome.cost.backward) == (0, 0)
    assert records["two"].outcome.cost.learning == learning, "from the cache it costs what it cost then"
    assert stored.outcome.imagery["linf"] == pytest.approx(1 / 255)


@pytest.mark.usefixtures("cache")
def test_an_ensemble_has_learnt_what_its_members_have(
    small: Request, last_cell: Callable[[Request], PreparedCell]
) -> None:
    job = last_cell(small).job
    assert job.learning is None
    one, two = (
        replace(job, knowledge=replace(job.knowledge, learnt=Learnt(tensors={}, spent=spent)))
        for spent in (Spent(forward=3, backward=1, seconds=0.5), Spent(forward=4, seconds=0.25))
    )
    assert one.learning == Spent(forward=3, backward=1, seconds=0.5)
    assert replace(job, members=(job, one, two)).learning == Spent(forward=7, backward=1, seconds=0.75)


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_workers_attack_with_what_was_learnt_here(small: Request, host: PluginHost, tmp_path: Path) -> None:
    runs = []
    seen: list[str] = []
    executors: dict[str, Executor] = {"two": Processes(workers=2), "one": Local()}
    for name, executor in executors.items():
        outcome = evaluate(
            _learning(small, 10),
            host,
            results=tmp_path / name,
            executor=executor,
            progress=lambda _done, _total, what: seen.append(what),
        )
        assert not outcome.failures
        assert seen.count("prototype network") == 10
        runs.append(ResultStore(tmp_path / name).arrays(outcome.records[-1]).to_arrays())
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name], runs[1][name])
