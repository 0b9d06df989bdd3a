"""Scores of codes in one call, whatever they are kept as: ``robusthash.metrics.map(codes, labels, codes, labels)``.

Codes are signs (-1 and +1, of any type), bits (booleans, or 0 and 1), or packed bytes together with ``bits=``. Labels
are multi-hot rows, or one class id an item. All may be numpy arrays, torch tensors or nested lists. Memory maps
(``numpy.load(path, mmap_mode="r")``) are read in parts, so that a database may be larger than memory.
"""

from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from robusthash.errors import OptionError, UnknownNameError, UsageError
from robusthash.metrics.catalogue import CORE_METRICS
from robusthash.metrics.given import given_codes, given_labels
from robusthash.metrics.protocols import BallPrecision, MeanAveragePrecision, RankingMetric, TopPrecision
from robusthash.metrics.streaming import asked_of, streamed_histograms
from robusthash.options import build_options
from robusthash.specs import Relevance

Values = npt.NDArray[np.float64]


def map(  # noqa: A001 - the field's name
    query_codes: Any,
    query_labels: Any,
    item_codes: Any,
    item_labels: Any,
    *,
    k: int | None = None,
    relevance: Relevance | str = Relevance.SHARE_ANY,
    per_query: bool = False,
    bits: int | None = None,
) -> float | Values:
    """Mean average precision, in expectation over the orders of tied items.

    Args:
        query_codes: (q, bits) signs or bits, or (q, ceil(bits / 8)) packed bytes.
        query_labels: (q, classes) multi-hot, or (q,) class ids, or :class:`PackedLabels`.
        item_codes: (n, ...) of the database.
        item_labels: (n, ...) of the database.
        k: places, as ``map@k``; None is the whole database.
        relevance: when an item is relevant: ``share-any``, ``exact``, ``contains-target``.
        per_query: return the value of each query instead of the mean.
        bits: code length, for packed codes.

    Returns:
        The mean, or (q,) float64.

    Raises:
        UsageError: what is given are no codes, or no labels, or they do not fit together.
        OptionError: an option is wrong.

    >>> codes = [[1, 1, -1], [-1, -1, 1]]
    >>> map(codes, [0, 1], codes, [0, 1])
    1.0
    >>> map(codes, [0, 1], codes, [1, 0], per_query=True)
    array([0.5, 0.5])
    """
    metric = MeanAveragePrecision(k=k)
    return _scored(metric, query_codes, query_labels, item_codes, item_labels, relevance, per_query, bits)


def precision(
    query_codes: Any,
    query_labels: Any,
    item_codes: Any,
    item_labels: Any,
    *,
    k: int,
    relevance: Relevance | str = Relevance.SHARE_ANY,
    per_query: bool = False,
    bits: int | None = None,
) -> float | Values:
    """Mean precision of the first k places, ``precision@k``, in expectation over the orders of tied items.

    Arguments, return value and errors are those of :func:`map`; ``k`` is required.

    >>> precision([[1, 1]], [7], [[1, 1], [1, -1], [-1, -1]], [7, 7, 3], k=2)
    1.0
    """
    metric = TopPrecision(k=k)
    return _scored(metric, query_codes, query_labels, item_codes, item_labels, relevance, per_query, bits)


def precision_within(
    query_codes: Any,
    query_labels: Any,
    item_codes: Any,
    item_labels: Any,
    *,
    radius: int,
    relevance: Relevance | str = Relevance.SHARE_ANY,
    per_query: bool = False,
    bits: int | None = None,
) -> float | Values:
    """Mean precision within a Hamming radius, ``precision@r2``; an empty ball is 0.

    Arguments, return value and errors are those of :func:`map`, but for ``radius`` in place of ``k``.

    >>> precision_within([[1, 1]], [7], [[1, 1], [1, -1], [-1, -1]], [7, 3, 3], radius=1)
    0.5
    """
    metric = BallPrecision(radius=radius)
    return _scored(metric, query_codes, query_labels, item_codes, item_labels, relevance, per_query, bits)


def score(
    name: str,
    query_codes: Any,
    query_labels: Any,
    item_codes: Any,
    item_labels: Any,
    *,
    relevance: Relevance | str = Relevance.SHARE_ANY,
    per_query: bool = False,
    bits: int | None = None,
) -> float | Values:
    """Any of the core's metrics by name, as ``prosgan@5000``; the protocol says what each is.

    Arguments, return value and errors are those of :func:`map`. The mean weighs queries as the metric's protocol does.

    Args:
        name: of the metric.
        query_codes: as for :func:`map`.
        query_labels: as for :func:`map`.
        item_codes: as for :func:`map`.
        item_labels: as for :func:`map`.
        relevance: as for :func:`map`.
        per_query: as for :func:`map`.
        bits: as for :func:`map`.

    Raises:
        UnknownNameError: the core has no metric of this name.

    >>> score("fpad@50", [[1, 1]], [[0, 1]], [[1, 1], [-1, 1]], [[0, 1], [1, 1]])
    1.0
    """
    metric = core_metric(name)
    return _scored(metric, query_codes, query_labels, item_codes, item_labels, relevance, per_query, bits)


def core_metric(name: str) -> RankingMetric:
    """One of the core's metrics by name.

    Raises:
        UnknownNameError: there is none of this name.

    >>> core_metric("map@5000").protocol
    'map@5000/tie-expected/v1'
    """
    specs = {spec.name: spec for spec in CORE_METRICS}
    if name not in specs:
        raise UnknownNameError("metric", name, specs)
    module, _, attribute = specs[name].factory.partition(":")
    metric: RankingMetric = build_options(getattr(import_module(module), attribute), specs[name].options, where=name)
    return metric


def _scored(
    metric: RankingMetric,
    query_codes: Any,
    query_labels: Any,
    item_codes: Any,
    item_labels: Any,
    relevance: Relevance | str,
    per_query: bool,
    bits: int | None,
) -> float | Values:
    queries, items = (
        given_codes(codes, f"{who}_codes", bits) for who, codes in (("query", query_codes), ("item", item_codes))
    )
    if queries.bits != items.bits:
        raise UsageError(f"query_codes have {queries.bits} bits, item_codes {items.bits}", hint="one model makes both")
    wanted, present = given_labels(query_labels, item_labels, len(queries), len(items))
    scores = metric.per_query(streamed_histograms(asked_of(queries, wanted, _rule(relevance)), items, present))
    return scores.expected if per_query else scores.mean()


def _rule(relevance: Relevance | str) -> Relevance:
    try:
        return Relevance(relevance)
    except ValueError:
        raise OptionError(f"relevance is {relevance!r}", hint=f"one of {', '.join(Relevance)}") from None
