"""Certificates of what breaks them: models that lie about their votes, odd data, records of strangers."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import robusthash as rh
from robusthash.cli.commands.certify import sheet
from robusthash.contracts import DefenseContext, HashModel, RetrievalData
from robusthash.epsilon import Radius
from robusthash.errors import (
    ContractError,
    MissingDependencyError,
    OptionError,
    PluginError,
    RobustHashError,
    UsageError,
)
from robusthash.evaluation import Certificate, Request, RunSettings, evaluate
from robusthash.host import PluginHost
from robusthash.results import ResultStore, read_record
from robusthash.specs import Norm
from robusthash.testing import LinearVictim
from robusthash.testing.records import with_digest
from robusthash_defenses.smoothed import Smoothing, Voted
from tests.evaluation.test_certifying import toys

pytestmark = pytest.mark.usefixtures("cache")

SIGMA = 0.1


class Lying(Voted):
    """Says something of its votes, and does something else."""

    hidden: tuple[HashModel, float, int]

    def forward(self, inputs: Tensor) -> Tensor:
        return Voted(*self.hidden)(inputs)


def liar(takes: int, noise: float = SIGMA, **says: Any) -> Smoothing:
    @dataclass(frozen=True, kw_only=True)
    class Liar(Smoothing):
        def harden(self, model: HashModel, context: DefenseContext) -> HashModel:
            lying = Lying(model, self.sigma, self.votes)
            lying.hidden = (model, self.sigma, self.votes)
            for name, value in says.items():
                setattr(lying, name, value)
            return lying

    return Liar(votes=takes, sigma=noise)


def certified(model: HashModel | None = None, **changed: Any) -> Certificate:
    usual = {"dataset": toys(40), "samples": 300, "defense": Smoothing(sigma=SIGMA, votes=9), "progress": False}
    return rh.certify(model or LinearVictim(16), **usual | changed)


@pytest.mark.parametrize(
    ("says", "error", "message"),
    [
        ({"votes": 0}, ContractError, "takes 0 votes"),
        ({"votes": -3}, ContractError, "takes -3 votes"),
        ({"votes": 2.5}, ContractError, "takes 2.5 votes"),
        ({"votes": True}, ContractError, "takes True votes"),
        ({"votes": 10**5000}, ContractError, "takes more than 1e.18 votes"),
        ({"votes": None}, ContractError, "takes a NoneType votes"),
        ({"sigma": 0}, ContractError, "sigma 0"),
        ({"sigma": nan}, ContractError, "sigma nan"),
        ({"sigma": inf}, ContractError, "sigma inf"),
        ({"sigma": "0.1"}, ContractError, "sigma a str"),
        ({"model": LinearVictim(8)}, (ContractError, PluginError), "LinearVictim|8"),
    ],
)
def test_what_cannot_be_true_of_votes_is_a_fault_of_the_plugin(
    says: dict[str, Any], error: type[RobustHashError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        certified(defense=liar(9, **says))
    assert "Liar" in str(caught.value.owner)


@pytest.mark.parametrize(
    ("says", "told"),
    [({"votes": 2001}, True), ({"sigma": 0.01}, True), ({"model": LinearVictim(16, seed=1)}, True), ({}, False)],
)
def test_a_model_that_does_not_vote_as_it_says_is_told_without_any_attack(says: dict[str, Any], told: bool) -> None:
    found = certified(defense=liar(9, 0.3, **says))
    assert (found.unmoved.wrong > 1) is told
    assert any("none at 0" in note.text for note in sheet(found).notes if note.warning) is told


class OnlyUnderNoise(LinearVictim):
    """NaN for some of what has pixels outside of their box, as only the noise of a certificate has."""

    def forward(self, inputs: Tensor) -> Tensor:
        outside = (inputs.flatten(1).amin(1) < -4 * SIGMA)[:, None]
        return super().forward(inputs).masked_fill(outside, nan)


def test_a_copy_whose_outputs_are_not_numbers_is_no_vote() -> None:
    with pytest.raises(ContractError, match="NaN or infinite"):
        certified(OnlyUnderNoise(16), samples=3000, defense=Smoothing(sigma=SIGMA, votes=1))


def unlabelled(data: RetrievalData, rows: slice) -> RetrievalData:
    labels = data.query.labels.clone()
    labels[rows] = 0
    return replace(data, query=replace(data.query, labels=labels))


@pytest.mark.parametrize(
    ("data", "lost"),
    [(toys(40), 0), (unlabelled(toys(40), slice(2)), 2), (unlabelled(toys(40), slice(None)), 12), (toys(1), None)],
)
def test_a_query_without_relevant_items_scores_0_and_is_told(data: RetrievalData, lost: int | None) -> None:
    found = certified(dataset=data)
    if lost is None:
        relevant = (data.query.labels.bool() & data.database.labels.bool()).any(1)
        lost = int((~relevant).sum())
        assert 0 < lost < 12
    assert found.lost == lost
    assert [all(values[row] == 0 for values in found.per_query.values()) for row in range(12)].count(True) == lost
    told = [note.text for note in sheet(found).notes if "score 0" in note.text]
    assert told == ([f"{lost} of 12 queries score 0 in every ranking: no item is relevant to them"] if lost else [])
    assert found.clean <= 1 - lost / 12 + 1e-9
    json.loads(found.to_json())


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        ({"radii": [inf]}, OptionError, "radii are inf"),
        ({"radii": [-1]}, OptionError, "radii are -1"),
        ({"radii": "0.1"}, UsageError, "radius is '0.1'"),
        ({"radii": [None]}, UsageError, "radius is None"),
        ({"confidence": "high"}, UsageError, "confidence is 'high'"),
        ({"confidence": 1e-17}, OptionError, "confidence is 1e-17"),  # there is nothing between 1 and 1 minus it
        ({"samples": 1.5}, UsageError, "samples is 1.5"),
    ],
)
def test_odd_numbers_are_refused_before_anything_is_computed(
    numbers: dict[str, Any], error: type[UsageError], message: str
) -> None:
    with pytest.raises(error, match=message):
        certified(OnlyUnderNoise(16), **numbers)


def test_a_missing_library_is_told_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setattr(
        "robusthash.evaluation.certifying.certify.count_votes", lambda *_, **__: pytest.fail("too late")
    )
    with pytest.raises(MissingDependencyError, match="scipy"):
        certified()


@pytest.mark.parametrize("numbers", [{"confidence": 1 - 2**-53}, {"confidence": 0.001}, {"samples": 1}])
def test_extreme_numbers_keep_to_the_bounds(numbers: dict[str, float]) -> None:
    found = certified(**numbers)
    assert 0 <= found.floor - 1e-12 <= min(found.bounds.values())
    assert max(found.bounds.values()) <= found.clean
    assert found.unmoved.below <= found.queries * (0.01 if numbers.get("confidence") != 0.001 else 1)


@pytest.mark.parametrize("sigma", [1e-30, 1e-8, 1e-4, 1e4])
def test_radii_have_the_size_of_the_noise(sigma: float) -> None:
    found = certified(defense=Smoothing(sigma=sigma, votes=9), samples=400, confidence=0.9)
    radii = list(found.bounds)
    assert radii == sorted(set(radii))
    assert max(radii) < 4 * sigma
    assert len(radii) == (11 if max(radii) > 0 else 1)
    assert sigma > 1 or len(radii) == 11
    assert certified(radii=[0.2, 0.1, 0.2], samples=10).bounds.keys() == {0.1, 0.2}


def test_an_even_number_of_votes_is_certified_as_one_that_can_end_in_a_draw() -> None:
    odd, even = (certified(defense=liar(9, votes=votes)) for votes in (9, 8))
    assert even.bounds[0.0] <= odd.bounds[0.0]


ATTACK = {"hinge": {"steps": "3"}}


@pytest.fixture
def attacked(host: PluginHost, tmp_path: Path) -> Path:
    """Results of two attacks on what :func:`certified` certifies."""
    request = Request(
        models=(LinearVictim(16),),
        attacks=tuple(ATTACK),
        defenses=(Smoothing(sigma=SIGMA, votes=9),),
        epsilons=(Radius(size=0.05, norm=Norm.L2),),
        setting=RunSettings(dataset=toys(40), options=ATTACK, seed=1),  # the database's noise is of no seed
    )
    assert not evaluate(request, host, results=tmp_path).failures
    return tmp_path


def files(results: Path, ending: str) -> Path:
    return next(iter(sorted(results.rglob(f"hinge-*.{ending}"))))


def of_another_device(results: Path) -> None:
    path = files(results, "json")
    record, store = read_record(path), ResultStore(results)
    conditions = replace(record.conditions, environment={**record.conditions.environment, "device": "cuda"})
    store.save(with_digest(replace(record, conditions=conditions)), store.arrays(record))
    path.unlink()


def of_fewer_queries(results: Path) -> None:
    path = files(results, "npz")
    with np.load(path) as arrays:
        fewer = {name: array[:-1] for name, array in arrays.items()}
    np.savez(path, **fewer)


def of_distances_that_are_none(results: Path) -> None:
    path = files(results, "npz")
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed["l2"] = np.full_like(changed["l2"], nan)
    np.savez(path, **changed)


@pytest.mark.parametrize(
    ("change", "compared", "told"),
    [
        (lambda _: None, 2, None),
        (of_another_device, 1, "another device or version of torch hashed their database: 1"),
        (of_fewer_queries, 1, "they cannot be read: 1;"),
        (lambda results: files(results, "npz").unlink(), 1, "they cannot be read: 1;"),
        (lambda results: files(results, "json").write_text("{}"), 1, "they cannot be read: 1;"),
        (of_distances_that_are_none, 2, None),  # every bit is open there
    ],
)
def test_what_is_not_compared_is_told(
    attacked: Path, change: Callable[[Path], object], compared: int, told: str | None
) -> None:
    change(attacked)
    found = certified(results=attacked)
    assert len(found.attacked) == compared
    assert sum(one.below + one.wrong for one in found.attacked) == 0
    notes = [note.text for note in sheet(found).notes if note.text.startswith("not compared")]
    assert len(notes) == (told is not None)
    assert told is None or told in notes[0]
    assert torch.isfinite(torch.tensor([one.bound for one in found.attacked])).all()
