"""Scores codes in files, such as those that a system of the user's own made of its items and queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from robusthash.contracts import Executor, Progress, Space, silent
from robusthash.evaluation.finding.counted import CodeFiles, OpenFiles, counted_by
from robusthash.evaluation.running.executing.executors import Local
from robusthash.evaluation.scoring.scale import measured, values
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.host import PluginHost
from robusthash.metrics import DistanceHistograms, RankingMetric, Relevance, by_name, metrics_of
from robusthash.metrics.ranking import random_average_precision, worst_average_precision
from robusthash.results import Measure


@dataclass(frozen=True, kw_only=True)
class ScoredFile:
    """The scores of the queries of one file.

    Attributes:
        path: of the file.
        measures: means with intervals and bands, by metric name.
    """

    path: Path
    measures: Mapping[str, Measure]


@dataclass(frozen=True, kw_only=True)
class ScoredFiles:
    """Scores of the same queries, as several files hold their codes.

    Attributes:
        files: in the order in which they were named.
        protocols: exact definition of each metric, by its name.
        relevance: when an item is relevant to a query.
        bits: code length.
        queries: how many.
        items: size of the database.
        random: ``map`` of random codes, in expectation.
        worst: the lowest possible ``map``.
    """

    files: tuple[ScoredFile, ...]
    protocols: Mapping[str, str]
    relevance: Relevance
    bits: int
    queries: int
    items: int
    random: float
    worst: float


def score_files(
    queries: Sequence[Path],
    database: Path,
    host: PluginHost,
    *,
    labels: Path | None = None,
    database_labels: Path | None = None,
    bits: int | None = None,
    classes: int | None = None,
    metrics: Sequence[str | RankingMetric] = ("map",),
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    relevance: Relevance = Relevance.SHARE_ANY,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> ScoredFiles:
    """Scores files of codes. The database is read once, in parts, and never held whole.

    Args:
        queries: files of the same queries' codes, such as clean and attacked ones: ``.npy``, or what ``robusthash
            hash`` wrote.
        database: file of its codes.
        host: the plugins, for their metrics.
        labels: ``.npy`` of the queries' labels; None takes those in the first file of queries.
        database_labels: ``.npy`` of the items' labels; None takes those in the file of the database.
        bits: code length of packed codes; None for signs or bits.
        classes: number of classes, if the labels are packed; None for multi-hot rows or class ids.
        metrics: ranking metrics by name, or the objects, the headline first.
        options: of the metrics, by name and field.
        relevance: when an item is relevant to a query.
        executor: what counts the parts of the database; None is this process.
        progress: called with (done, total, what).

    Raises:
        InputError: a file cannot be read.
        UsageError: codes or labels are none, or do not fit one another, or a metric does not exist.
        PluginError: the executor failed.
    """
    files = CodeFiles(
        queries=tuple(queries),
        database=database,
        labels=labels,
        database_labels=database_labels,
        bits=bits,
        classes=classes,
        relevance=relevance,
    )
    opened = OpenFiles.of(files)
    plugins, space = Plugins(host, options), Space.hamming(opened.items.bits)
    chosen, _ = metrics_of(space, by_name(plugins.metric(name).plugin for name in metrics), named=True)
    counted = counted_by(executor or Local(), files, opened, progress)
    count = opened.count
    scored = [
        ScoredFile(
            path=path,
            measures={
                name: measured(metric, values(metric, _rows(counted, place * count, count)), count, seed=0)
                for name, metric in chosen.items()
            },
        )
        for place, path in enumerate(queries)
    ]
    hits, size = counted.n_relevant[:count], counted.n_items[:count]
    return ScoredFiles(
        files=tuple(scored),
        protocols={name: metric.protocol for name, metric in chosen.items()},
        relevance=opened.asked.relevance,
        bits=opened.items.bits,
        queries=count,
        items=len(opened.items),
        random=float(random_average_precision(hits, size).mean()),
        worst=float(worst_average_precision(hits, size).mean()),
    )


def _rows(histograms: DistanceHistograms, first: int, count: int) -> DistanceHistograms:
    rows = slice(first, first + count)
    return DistanceHistograms(items=histograms.items[rows], relevant=histograms.relevant[rows], bits=histograms.bits)
