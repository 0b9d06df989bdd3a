"""Scoring representations of any space: the metrics of a full scan, and a retriever's answer beside it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from robusthash.contracts import Distance, Index, Neighbours, Retriever, RetrieverCapabilities, Space
from robusthash.errors import ContractError
from robusthash.evaluation.planning.request import RunSettings
from robusthash.evaluation.scoring.scale import Scale
from robusthash.evaluation.victims.resources import Resources
from robusthash.evaluation.victims.system import Database
from robusthash.host import PluginHost
from robusthash.metrics import RankingMetric, Relevance
from robusthash.metrics.protocols import MeanAveragePrecision, TopPrecision
from robusthash.retrieval import TorchRetriever
from robusthash.testing.brute_force import random_items, slow_ranking

SPACES = (Space.hamming(24), Space(distance=Distance.COSINE, size=24), Space(distance=Distance.L2, size=24))
METRICS: dict[str, RankingMetric] = {"map": MeanAveragePrecision(), "precision@100": TopPrecision(k=100)}


@dataclass(frozen=True, kw_only=True)
class Off(Retriever):
    """Exact but for its distances, which are off by some share, and for the first items, which it misses."""

    share: float = 0.0
    missed: int = 0
    exact: bool = True

    @property
    def capabilities(self) -> RetrieverCapabilities:
        return RetrieverCapabilities(exact=self.exact, max_k=None, radius=False, distances=frozenset(Distance))

    def _index(self, items: Tensor, space: Space, key: str) -> Index:
        inner = TorchRetriever(device="cpu").index(items, space)
        share, missed = self.share, self.missed

        class OffIndex(Index):
            def _search(self, queries: Tensor, k: int) -> Neighbours:
                found = inner.search(queries, k + missed)
                distances = (found.distances[:, missed:] * (1 + share)).to(found.distances.dtype)
                return Neighbours(distances=distances, ids=found.ids[:, missed:])

        return OffIndex(items, space, key, self.capabilities)


def scene(space: Space, retriever: Retriever) -> tuple[Tensor, Tensor, Database]:
    queries, items = random_items(30, space, seed=1), random_items(400, space, seed=2)
    random = torch.Generator().manual_seed(3)
    labels = [torch.eye(4, dtype=torch.uint8)[torch.randint(0, 4, (n,), generator=random)] for n in (30, 400)]
    index = retriever.index(items, space)
    return queries, labels[0], Database(representation=items, labels=labels[1], space=space, index=index)


def scale(database: Database) -> Scale:
    return Scale(database=database, metrics=METRICS, relevance=Relevance.SHARE_ANY, seed=0)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_the_neighbours_are_the_head_of_the_ranking_that_is_scored(space: Space) -> None:
    queries, labels, database = scene(space, TorchRetriever(device="cpu"))
    scored = scale(database).score(queries, labels)
    ranking = slow_ranking(queries, database.representation, space)
    hits = (labels[:, None] & database.labels[ranking.ids]).any(2).double()
    if not space.binary:  # no ties: places are settled
        assert torch.equal(torch.from_numpy(scored.neighbours), ranking.ids[:, :100])
        assert scored.measures["precision@100"].value == pytest.approx(float(hits[:, :100].mean()))
    assert scored.search["recall@100"] == 1.0
    assert scored.search["precision@100"] == pytest.approx(float(hits[:, :100].mean()), abs=0.02)
    values = scale(database).judged(queries, labels)
    np.testing.assert_array_equal(scored.per_query["map"], values)
    measure = scored.measures["map"]
    assert measure.value == pytest.approx(values.mean())
    assert measure.low < measure.value < measure.high
    assert measure.worst <= measure.value + 1e-12 <= measure.best + 2e-12


@pytest.mark.parametrize("space", SPACES[1:], ids=str)
def test_float32_may_be_off_a_little_and_no_more(space: Space) -> None:
    queries, labels, database = scene(space, Off(share=2.0**-23))
    scale(database).score(queries, labels)
    queries, labels, database = scene(space, Off(share=1e-3))
    with pytest.raises(ContractError, match="claims to be exact, but 30 of 30"):
        scale(database).score(queries, labels)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_missed_neighbour_is_seen(space: Space) -> None:
    queries, labels, database = scene(space, Off(missed=1))
    with pytest.raises(ContractError, match="claims to be exact"):
        scale(database).score(queries, labels)
    approximate = replace(database, index=Off(missed=1, exact=False).index(database.representation, space))
    scored = scale(approximate).score(queries, labels)
    exact = replace(database, index=TorchRetriever(device="cpu").index(database.representation, space))
    truth = scale(exact).score(queries, labels)
    if space.binary:
        assert 0.9 < scored.search["recall@100"] <= 1.0
    else:
        assert scored.search["recall@100"] == pytest.approx(0.99)
    assert scored.measures == truth.measures, "a retriever changes no score"


def test_queries_that_come_again_are_scored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, labels, database = scene(SPACES[0], TorchRetriever(device="cpu"))
    searches = []
    search = type(database.index)._search
    monkeypatch.setattr(
        type(database.index), "_search", lambda self, some, k: searches.append(k) or search(self, some, k)
    )
    first = scale(database).score_again(queries, labels)
    assert scale(database).score_again(queries.clone(), labels.clone()) is first
    assert len(searches) == 1
    assert first.measures == scale(database).score(queries, labels).measures
    others = (
        scale(database).score_again(queries, labels.roll(1, 0)),
        scale(database).score_again(queries.roll(1, 0), labels),
    )
    fewer = replace(scale(database), metrics={"map": METRICS["map"]}).score_again(queries, labels)
    assert first not in others
    assert list(fewer.measures) == ["map"]
    assert not replace(database, index=database.index).known, "another database, another index"


def test_a_metric_with_other_options_is_filed_under_its_own_name() -> None:
    setting = RunSettings(metrics=("map@1000", "map"), options={"map@1000": {"k": 10}})
    resources = Resources(setting, PluginHost.load(), lambda _done, _total, _what: None)
    protocols = {name: metric.protocol for name, metric in resources.metrics.items()}
    assert protocols == {"map@10": "map@10/tie-expected/v1", "map": "map/tie-expected/v1"}
