"""Metrics as named, versioned objects, and the core's catalogue of them."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import robusthash.metrics
from robusthash.errors import OptionError, UsageError
from robusthash.metrics import CORE_METRICS, DistanceHistograms, RankedCounts, RankingMetric, Scores, by_name
from robusthash.metrics.protocols import (
    BallPrecision,
    FirstRelevantMeanAveragePrecision,
    HitsMeanAveragePrecision,
    MeanAveragePrecision,
    TopPrecision,
)
from robusthash.metrics.ranking import Denominator
from robusthash.specs import MetricSpec, Spec
from robusthash.testing import MetricContract


@pytest.mark.parametrize("name", [spec.name for spec in CORE_METRICS])
class TestCoreMetrics(MetricContract):
    @pytest.fixture
    def spec(self, name: str) -> MetricSpec:
        return next(spec for spec in CORE_METRICS if spec.name == name)

    def test_its_mean_is_that_of_its_scores(self, metric: RankingMetric) -> None:
        found = DistanceHistograms(items=np.array([[2, 3, 9]]), relevant=np.array([[1, 0, 4]]), bits=2)
        scores = metric.per_query(found)
        assert metric.mean(found) == scores.mean() == scores.expected[0] > 0
        assert metric.protocol.startswith(f"{metric.name}/tie-")
        assert metric.protocol.endswith("/v1")


class Nameless(MeanAveragePrecision):
    """Whose name does not carry its k."""

    @property
    def name(self) -> str:
        return "map"


class Upside(MeanAveragePrecision):
    """Of which less is better."""

    def per_query(self, counts: RankedCounts) -> Scores:
        scores = super().per_query(counts)
        return replace(scores, expected=1 - scores.expected, worst=1 - scores.best, best=1 - scores.worst)


def test_the_contract_sees_options_that_are_not_in_the_name_and_metrics_that_are_upside_down() -> None:
    contract = MetricContract()
    contract.test_options_are_part_of_the_name(MeanAveragePrecision(k=5))
    with pytest.raises(AssertionError, match="k is not in the name"):
        contract.test_options_are_part_of_the_name(Nameless(k=5))
    with pytest.raises(AssertionError):
        contract.test_a_perfect_ranking_is_not_below_any_other(Upside(), 0)


def test_a_metric_goes_by_its_own_name_and_two_of_one_name_are_refused() -> None:
    metrics = [MeanAveragePrecision(), MeanAveragePrecision(k=10), MeanAveragePrecision(k=10)]
    assert by_name(metrics) == {"map": metrics[0], "map@10": metrics[1]}
    with pytest.raises(UsageError, match="two metrics are named 'map'"):
        by_name([MeanAveragePrecision(), Nameless(k=3)])


def test_names_are_unique_and_map_comes_first() -> None:
    names = [spec.name for spec in CORE_METRICS]
    assert names[0] == "map"
    assert len(set(names)) == len(names)


def test_options_are_part_of_the_protocol() -> None:
    assert MeanAveragePrecision(k=7).protocol == "map@7/tie-expected/v1"
    assert MeanAveragePrecision(k=7, denominator=Denominator.RELEVANT).protocol == "trec@7/tie-expected/v1"
    assert HitsMeanAveragePrecision(k=7, exclude_zero_hits=True).protocol == "dhta@7/tie-expected/v1"
    assert BallPrecision(radius=3).protocol == "precision@r3/tie-free/v1"


@pytest.mark.parametrize("k", [0, -1])
def test_no_place_is_refused(k: int) -> None:
    for metric in (MeanAveragePrecision, HitsMeanAveragePrecision, TopPrecision):
        with pytest.raises(OptionError, match=f"k is {k}"):
            metric(k=k)
    with pytest.raises(OptionError, match=f"m is {k}"):
        FirstRelevantMeanAveragePrecision(m=k)
    with pytest.raises(OptionError, match="radius"):
        BallPrecision(radius=-1)


def test_the_mean_weighs_by_the_chance_to_be_kept() -> None:
    values = np.array([0.5, 1.0])
    scores = Scores(
        expected=values, worst=values / 2, best=values, counted=np.array([1.0, 0.25]), conventional=values < 0
    )
    assert scores.mean() == pytest.approx(0.75 / 1.25)
    assert scores.mean("worst") == pytest.approx(0.375 / 1.25)


def test_the_catalogue_needs_neither_torch_nor_numpy() -> None:
    code = "import robusthash.metrics.catalogue, sys; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there() -> None:
    for name in robusthash.metrics.__all__:
        assert getattr(robusthash.metrics, name) is not None
    assert dir(robusthash.metrics) == sorted(robusthash.metrics.__all__)
    with pytest.raises(AttributeError, match="mapp"):
        _ = robusthash.metrics.mapp


def test_a_name_may_carry_an_at_sign() -> None:
    assert Spec(name="map@5000", factory="a.b:C", summary="x").name == "map@5000"
