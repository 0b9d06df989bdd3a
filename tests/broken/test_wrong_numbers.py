"""Models, attacks, metrics and retrievers that are broken in ways that would give a wrong number: each is named."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import robusthash as rh
from robusthash.contracts import (
    Attack,
    AttackBatch,
    AttackContext,
    Index,
    Neighbours,
    Retriever,
    RetrieverCapabilities,
    Space,
)
from robusthash.errors import ContractError, RobustHashError
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.system import Database
from robusthash.metrics import RankingMetric, Relevance, Scores, by_name, core_metric
from robusthash.retrieval import TorchRetriever
from robusthash.testing.brute_force import random_codes

pytestmark = pytest.mark.usefixtures("cache")

QUICK: dict[str, Any] = {"queries": 6, "options": {"rnm": {"steps": 2}}, "device": "cpu"}
BITS = 16


def network(*, last: nn.Module | None = None, first: nn.Module | None = None) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(first or nn.Identity(), nn.Flatten(), nn.Linear(3 * 16 * 16, BITS), last or nn.Identity())


def flags(model: nn.Module) -> set[str]:
    records = rh.evaluate(rh.wrap(model, image_size=16), "rnm", **QUICK)
    return {flag.id for flag in records[-1].outcome.flags}


class CentredOnTheBatch(nn.Module):
    """Batch normalisation that keeps no statistics."""

    def forward(self, images: Tensor) -> Tensor:
        return images - images.mean(0)


def test_a_model_that_depends_on_the_batch_is_flagged_and_an_honest_one_is_not() -> None:
    assert "RH015" not in flags(network())
    assert "RH015" in flags(network(first=CentredOnTheBatch()))


def test_one_code_for_everything_is_flagged() -> None:
    assert "RH014" not in flags(network())
    assert "RH014" in flags(network(last=nn.Sigmoid()))


class Spoiler(nn.Module):
    """Works in place on its inputs, and computes what it would if it did not."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mul_(2)


class Doubler(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return 2 * images


def test_a_model_that_spoils_its_inputs_scores_as_one_that_does_not() -> None:
    found = [
        rh.evaluate(rh.wrap(network(first=first), image_size=16), "noise", queries=6, device="cpu")[-1].outcome
        for first in (Spoiler(), Doubler())
    ]
    assert found[0].metrics == found[1].metrics
    assert found[0].imagery == found[1].imagery


@pytest.mark.parametrize("broken", [torch.nan, torch.inf, -torch.inf])
def test_outputs_that_are_not_finite_have_no_code(broken: float) -> None:
    logits = torch.ones(3, BITS)
    logits[1, 2] = broken
    with pytest.raises(ContractError, match="NaN or infinite outputs for 1 of 3 inputs"):
        Space.hamming(BITS).represent(logits)


class OftenNaN(nn.Module):
    """NaN for bright images alone, so that no look at a few made-up inputs finds it."""

    def forward(self, logits: Tensor) -> Tensor:
        return torch.where(logits.mean(1, keepdim=True) > logits.mean(), torch.nan, logits)


def test_a_model_that_returns_nan_is_refused() -> None:
    with pytest.raises(RobustHashError, match="NaN or infinite"):
        flags(network(last=OftenNaN()))


DEEDS: dict[str, Callable[[nn.Module], object]] = {
    "hook": lambda model: model.register_forward_hook(lambda _model, _inputs, outputs: -outputs),
    "forward": lambda model: model.__dict__.update(forward=lambda images: torch.ones(len(images), BITS)),
}


@dataclass(frozen=True, kw_only=True)
class Meddler(Attack):
    """Leaves the images as they are, and does something to the model."""

    deed: str

    def perturb(self, batch: AttackBatch, context: AttackContext) -> Tensor:
        DEEDS[self.deed](context.surrogate.model)
        return batch.inputs.clone()


@pytest.mark.parametrize("deed", DEEDS)
def test_an_attack_that_changes_the_model_is_refused(deed: str) -> None:
    with pytest.raises(RobustHashError, match="changed the model"):
        rh.evaluate(rh.wrap(network(), image_size=16), Meddler(deed=deed), queries=6, device="cpu")


def scale(database: Database, metric: RankingMetric) -> Scale:
    """Scores by one metric."""
    return Scale(database=database, metrics=by_name([metric]), relevance=Relevance.SHARE_ANY, seed=0)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.full(4, np.nan), "NaN or infinite"),
        (np.full(4, 2.0), "outside the band"),
        (np.zeros(3), "3"),
    ],
)
def test_a_metric_that_lies_is_named(values: np.ndarray, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, labels = random_codes(30, BITS, seed=0), torch.eye(3, dtype=torch.bool).repeat(10, 1)
    metric = core_metric("map")
    lying = Scores(
        expected=values,
        worst=np.zeros(len(values)),
        best=np.ones(len(values)),
        counted=np.ones(len(values)),
        conventional=np.zeros(len(values), dtype=bool),
    )
    monkeypatch.setattr(type(metric), "per_query", lambda *_: lying)
    space = Space.hamming(BITS)
    database = Database(
        representation=codes, labels=labels, space=space, index=TorchRetriever(device="cpu").index(codes, space)
    )
    with pytest.raises(ContractError, match="MeanAveragePrecision") as refused:
        scale(database, metric).score(codes[:4], labels[:4])
    assert says in str(refused.value)


class Inventive(Retriever):
    """Right distances, with ids of its own making."""

    def __init__(self, made_up: Callable[[Tensor], Tensor]) -> None:
        self.made_up = made_up

    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=True, max_k=None, radius=False)

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        inner, made_up = TorchRetriever(device="cpu").index(items, space), self.made_up

        class InventiveIndex(Index):
            def _search(self, queries: Tensor, k: int) -> Neighbours:
                found = inner.search(queries, k)
                return Neighbours(distances=found.distances, ids=made_up(found.ids))

        return InventiveIndex(items, space, key, self.capabilities)


@pytest.mark.parametrize(
    "made_up",
    [lambda ids: ids + 1, lambda ids: -1 - ids, lambda ids: ids[:, :1].expand_as(ids).clone(), lambda ids: ids.flip(1)],
    ids=["shifted", "negative", "one item", "reversed"],
)
def test_a_retriever_that_makes_up_ids_is_refused(made_up: Callable[[Tensor], Tensor]) -> None:
    codes, labels = random_codes(30, BITS, seed=0), torch.eye(3, dtype=torch.bool).repeat(10, 1)
    space = Space.hamming(BITS)
    database = Database(representation=codes, labels=labels, space=space, index=Inventive(made_up).index(codes, space))
    with pytest.raises(ContractError, match=r"ids|an item twice|fewer than 30 neighbours"):
        scale(database, core_metric("map")).score(codes[:4], labels[:4])


UNSEEDED = """
from torch import nn

def build(bits):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, bits))
"""


@pytest.mark.slow
def test_workers_that_build_another_network_refuse(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(UNSEEDED)
    with pytest.raises(RobustHashError, match="a worker process made another model"):
        rh.evaluate(f"{tmp_path}/mine.py:build", "rnm", bits=BITS, workers=2, **QUICK)
