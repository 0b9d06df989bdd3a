"""The tests that every ranking metric must pass: subclass :class:`MetricContract` and give the ``spec`` fixture.

::

    class TestMine(MetricContract):
        @pytest.fixture
        def spec(self) -> MetricSpec:
            return next(spec for spec in plugin.robusthash_metrics() if spec.name == "ndcg@10")
"""

from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from enum import Enum
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from robusthash.contracts import Distance, Space
from robusthash.errors import RobustHashError, UsageError
from robusthash.metrics import CORE_METRICS, DistanceHistograms, RankedCounts, RankingMetric, Scores
from robusthash.options import build_options
from robusthash.specs import MetricSpec
from robusthash.testing.contracts.objects import PluginObjectContract

BITS = 24  #: of the codes that are counted here
_ROUNDING = 1e-12


def made(spec: MetricSpec) -> RankingMetric:
    """The metric of a spec, with the spec's options."""
    module, _, attribute = spec.factory.partition(":")
    metric = build_options(getattr(import_module(module), attribute), spec.options, where=spec.name)
    assert isinstance(metric, RankingMetric), f"{spec.factory} is no RankingMetric"
    return metric


def random_counts(metric: RankingMetric, *, seed: int, queries: int = 12) -> RankedCounts:
    """Counts of random rankings that the metric takes: full of ties, with empty buckets, and queries without a hit.

    Args:
        metric: Hamming histograms for one that is defined there alone.
        seed: of the draw.
        queries: how many.
    """
    random = np.random.Generator(np.random.Philox(seed))
    items = random.integers(0, 40, (queries, BITS + 1)) * random.integers(0, 2, (queries, BITS + 1))
    share = random.random((queries, 1)) ** 3
    share[: queries // 6] = 0
    return _counts(metric, items, random.binomial(items, share))


class MetricContract(PluginObjectContract):
    """What a ranking metric promises."""

    @pytest.fixture
    def spec(self) -> MetricSpec:
        """The spec of the metric under test; a subclass overrides this."""
        pytest.skip("give the fixture `spec` in a subclass")

    @pytest.fixture
    def metric(self, spec: MetricSpec) -> RankingMetric:
        """The metric of the spec."""
        return made(spec)

    @pytest.fixture
    def plugin_object(self, metric: RankingMetric) -> object:
        """The metric."""
        return metric

    def test_the_spec_names_what_it_makes(self, spec: MetricSpec, metric: RankingMetric) -> None:
        """With the spec's own options the metric's name is the registered one."""
        assert metric.name == spec.name

    def test_the_protocol_is_name_ties_and_version(self, metric: RankingMetric) -> None:
        """The id says all that the numbers depend on, and nothing of it can be taken for another part."""
        assert metric.protocol == f"{metric.name}/{metric.ties}/v{metric.version}"
        assert metric.protocol.count("/") == 2
        assert metric.version >= 1

    def test_options_are_part_of_the_name(self, metric: RankingMetric) -> None:
        """Another value of an option is another metric, of another name: no number is filed under a wrong one."""
        for option, other in variants(metric):
            assert other.name != metric.name, f"{option} is not in the name: {other} is {other.name}, too"
            assert other.protocol != metric.protocol

    def test_the_protocol_is_of_this_metric_alone(self, metric: RankingMetric) -> None:
        """No other metric of the core has its id: equal ids mean that numbers can be compared."""
        for other in map(made, CORE_METRICS):
            if other.protocol == metric.protocol:
                assert type(metric) is type(other), f"{metric.protocol} is the protocol of {type(other).__name__}"

    @pytest.mark.parametrize("seed", range(5))
    def test_every_query_has_a_finite_value(self, metric: RankingMetric, seed: int) -> None:
        """One value a query in [0, 1], finite in all orders of ties; weights are in [0, 1]."""
        scores = metric.per_query(random_counts(metric, seed=seed))
        for values in (scores.expected, scores.worst, scores.best, scores.counted):
            assert values.shape == (12,)
            assert values.dtype == np.float64
            assert np.isfinite(values).all()
        assert scores.conventional.shape == (12,)
        assert scores.conventional.dtype == np.bool_
        assert (scores.counted >= 0).all()
        assert (scores.counted <= 1 + _ROUNDING).all()

    @pytest.mark.parametrize("seed", range(5))
    def test_the_expectation_lies_between_worst_and_best(self, metric: RankingMetric, seed: int) -> None:
        """Of each query: worst <= expected <= best."""
        scores = metric.per_query(random_counts(metric, seed=seed))
        assert (scores.worst <= scores.expected + _ROUNDING).all()
        assert (scores.expected <= scores.best + _ROUNDING).all()

    @pytest.mark.parametrize("seed", range(5))
    def test_a_perfect_ranking_is_not_below_any_other(self, metric: RankingMetric, seed: int) -> None:
        """With all relevant items first, and none tied with another, no query scores less than in any other ranking."""
        counts = random_counts(metric, seed=seed)
        first = np.zeros_like(counts.items)
        first[:, 0] = counts.n_relevant
        rest = np.zeros_like(first)
        rest[:, -1] = counts.n_items - counts.n_relevant
        perfect = metric.per_query(_counts(metric, first + rest, first))
        assert (perfect.expected >= metric.per_query(counts).best - _ROUNDING).all()

    def test_queries_are_scored_each_on_its_own(self, metric: RankingMetric) -> None:
        """In another order, or alone, a query has the value that it has among others."""
        counts = random_counts(metric, seed=5)
        whole = metric.per_query(counts)
        order = np.random.Generator(np.random.Philox(6)).permutation(len(counts.items))
        _same(metric.per_query(_counts(metric, counts.items[order], counts.relevant[order])), whole, order)
        for row in range(len(counts.items)):
            part = slice(row, row + 1)
            _same(metric.per_query(_counts(metric, counts.items[part], counts.relevant[part])), whole, part)

    def test_no_queries_have_no_scores(self, metric: RankingMetric) -> None:
        """Nothing is scored as nothing, and its mean is 0."""
        scores = metric.per_query(random_counts(metric, seed=0, queries=0))
        assert scores.expected.shape == scores.counted.shape == (0,)
        assert scores.mean() == 0

    @pytest.mark.parametrize("distance", Distance)
    def test_it_says_where_it_exists(self, metric: RankingMetric, distance: Distance) -> None:
        """A metric that needs Hamming radii declares it, and refuses counts of another space by its name."""
        problem = metric.problem(Space(distance=distance, size=BITS))
        assert (problem is None) == (distance in metric.distances)
        if problem is not None:
            assert metric.name in problem
            items = np.ones((1, 3), np.int64)
            with pytest.raises(UsageError, match=metric.name):
                metric.per_query(RankedCounts(items=items, relevant=items))


def variants(metric: RankingMetric) -> Iterator[tuple[str, RankingMetric]]:
    """The metric with another value of one option, for each option that has other values.

    Args:
        metric: a dataclass of its options.
    """
    whole: Any = metric
    for field in fields(whole):
        for value in _others(getattr(metric, field.name), None if field.default is MISSING else field.default):
            try:
                yield field.name, replace(whole, **{field.name: value})
            except RobustHashError:
                continue  # not a value of this option


def _others(value: Any, default: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, Enum):
        yield from (member for member in type(value) if member is not value)
    elif isinstance(value, int | float):
        yield from (value + 1, 2 * value + 3)
    elif value is None:
        yield from (7, 8)
    if default != value:
        yield default


def _counts(metric: RankingMetric, items: np.ndarray, relevant: np.ndarray) -> RankedCounts:
    if metric.distances == {Distance.HAMMING}:
        return DistanceHistograms(items=items, relevant=relevant, bits=BITS)
    return RankedCounts(items=items, relevant=relevant)


def _same(found: Scores, whole: Scores, rows: np.ndarray | slice) -> None:
    for name in ("expected", "worst", "best", "counted", "conventional"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name)[rows], rtol=0, atol=_ROUNDING)
