"""What attacks learn: once, kept by what made it, the same bytes for whoever asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import Attack, AttackBatch, AttackContext
from robusthash.errors import ContractError, PluginError
from robusthash.evaluation import Request, evaluate
from robusthash.evaluation.crafting.learning import fitted
from robusthash.host import PluginHost
from robusthash.results import ResultStore
from robusthash.testing import SmallVictim, toy_context

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Learner(Attack):
    """Learns whatever a test gives it, and keeps count."""

    result: object = None
    calls: list[int] = field(default_factory=list)

    def fit(self, context: AttackContext) -> Mapping[str, Tensor] | None:
        self.calls.append(1)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result  # type: ignore[return-value]  # that is what the guard is for

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        return batch.inputs


class Meddler(Learner):
    def fit(self, context: AttackContext) -> Mapping[str, Tensor] | None:
        context.surrogate.model.train()
        return {}


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
def context() -> AttackContext:
    return toy_context(SmallVictim())


def test_what_was_learnt_is_not_learnt_again(context: AttackContext, own_cache: Path) -> None:
    learner = Learner(result={"w": torch.arange(6.0).view(2, 3).T, "b": torch.tensor([1])})
    first = fitted(learner, context, {"seed": 0}, device=CPU)
    again = fitted(learner, context, {"seed": 0}, device=CPU)
    assert first is not None
    assert again is not None
    assert first.keys() == again.keys() == {"w", "b"}
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert again["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert len(learner.calls) == 1
    fitted(learner, context, {"seed": 1}, device=CPU)
    assert len(learner.calls) == 2
    assert len(list((own_cache / "attacks").iterdir())) == 2


def test_a_damaged_file_is_made_again(context: AttackContext, own_cache: Path) -> None:
    learner = Learner(result={"w": torch.ones(2)})
    fitted(learner, context, {}, device=CPU)
    (path,) = (own_cache / "attacks").iterdir()
    path.write_bytes(b"torn")
    found = fitted(learner, context, {}, device=CPU)
    assert found is not None
    assert found["w"].tolist() == [1, 1]
    assert len(learner.calls) == 2
    assert path.stat().st_size > 8


def test_an_attack_that_learns_nothing_leaves_nothing(context: AttackContext, own_cache: Path) -> None:
    assert fitted(Idle(), context, {}, device=CPU) is None
    assert fitted(Learner(result=None), context, {}, device=CPU) is None
    assert not (own_cache / "attacks").exists()


@pytest.mark.parametrize(
    ("attack", "error", "says"),
    [
        (Learner(result=ValueError("no")), PluginError, "ValueError while it learnt: no"),
        (Learner(result=torch.ones(2)), ContractError, "learnt a Tensor"),
        (Learner(result={"w": [1.0]}), ContractError, "learnt a dict"),
        (Learner(result={"w": torch.tensor([torch.nan])}), ContractError, "NaN or infinite values: w"),
        (Meddler(), ContractError, "changed the model while it learnt"),
    ],
)
def test_a_bad_learner_is_refused(
    attack: Attack, error: type[Exception], says: str, context: AttackContext, own_cache: Path
) -> None:
    with pytest.raises(error, match=says):
        fitted(attack, context, {}, device=CPU)
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


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_workers_attack_with_what_was_learnt_here(small: Request, host: PluginHost, tmp_path: Path) -> None:
    runs = []
    seen: list[str] = []
    for workers in (2, 1):
        outcome = evaluate(
            _learning(small, 10),
            host,
            results=tmp_path / str(workers),
            workers=workers,
            progress=lambda _done, _total, what: seen.append(what),
        )
        assert not outcome.failures
        assert seen.count("prototype network") == 10
        runs.append(ResultStore(tmp_path / str(workers)).arrays(outcome.records[-1]).to_arrays())
    for name in runs[0]:
        np.testing.assert_array_equal(runs[0][name], runs[1][name])
