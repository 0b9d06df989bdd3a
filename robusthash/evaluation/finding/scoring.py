"""Scores codes in files, such as those that a system of the user's own made of its items and queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from robusthash.contracts import Progress, Space, silent
from robusthash.errors import InputError, UsageError
from robusthash.evaluation.finding.hashed import Hashed, Maker
from robusthash.evaluation.scoring.scale import measured, values
from robusthash.evaluation.victims.plugins import Plugins
from robusthash.files.mapping import mapped_array
from robusthash.host import PluginHost
from robusthash.metrics import DistanceHistograms, PackedLabels, RankingMetric, Relevance, by_name, metrics_of
from robusthash.metrics.given import GivenCodes, given_codes, given_labels
from robusthash.metrics.ranking import random_average_precision, worst_average_precision
from robusthash.metrics.streaming import streamed_histograms
from robusthash.results import Measure

_HASHED = ".safetensors"


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


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """Codes of a file.

    Attributes:
        path: of the file.
        codes: the codes.
        labels: that the file holds beside them; None if it holds none.
        maker: what made them, where the file says so.
    """

    path: Path
    codes: GivenCodes
    labels: Any
    maker: Maker | None


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
        progress: called with (done, total, what).

    Raises:
        InputError: a file cannot be read.
        UsageError: codes or labels are none, or do not fit one another, or a metric does not exist.
    """
    stored = [_stored(path, bits) for path in queries]
    items = _stored(database, bits)
    for one in stored:
        if one.codes.bits != items.codes.bits or len(one.codes) != len(stored[0].codes):
            raise UsageError(
                f"{one.path} has {len(one.codes)} codes of {one.codes.bits} bits; {stored[0].path} has "
                f"{len(stored[0].codes)}, and the items of {database} have {items.codes.bits} bits",
                hint="name files of the same queries, in the same order, that the database's model hashed",
            )
        if one.maker is not None and items.maker is not None:
            one.maker.require_comparable(items.maker, str(database))
    wanted, present = given_labels(
        _labels(labels, stored[0], classes, "--labels"),
        _labels(database_labels, items, classes, "--database-labels"),
        len(stored[0].codes),
        len(items.codes),
        names=("the labels of the queries", "the labels of the database"),
    )
    plugins, space = Plugins(host, options), Space.hamming(items.codes.bits)
    chosen, _ = metrics_of(space, by_name(plugins.metric(name).plugin for name in metrics), named=True)
    everything = slice(None)
    together = GivenCodes(
        array=np.concatenate([one.codes.part(everything) for one in stored]), bits=items.codes.bits, packed=True
    )
    counted = streamed_histograms(
        together,
        items.codes,
        wanted.repeated(len(stored)),
        present,
        relevance=relevance,
        progress=lambda done, total: progress(done, total, "counting the database"),
    )
    count = len(stored[0].codes)
    files = [
        ScoredFile(
            path=one.path,
            measures={
                name: measured(metric, values(metric, _rows(counted, place * count, count)), count, seed=0)
                for name, metric in chosen.items()
            },
        )
        for place, one in enumerate(stored)
    ]
    hits, size = counted.n_relevant[:count], counted.n_items[:count]
    return ScoredFiles(
        files=tuple(files),
        protocols={name: metric.protocol for name, metric in chosen.items()},
        relevance=Relevance.EXACT if wanted.single else relevance,
        bits=items.codes.bits,
        queries=count,
        items=len(items.codes),
        random=float(random_average_precision(hits, size).mean()),
        worst=float(worst_average_precision(hits, size).mean()),
    )


def _stored(path: Path, bits: int | None) -> Stored:
    if path.suffix.lower() != _HASHED:
        codes = given_codes(mapped_array(path, "the codes"), f"the codes in {path}", bits)
        return Stored(path=path, codes=codes, labels=None, maker=None)
    hashed = Hashed.read(path)
    if not hashed.made.space.binary:
        raise UsageError(
            f"{path} holds descriptors, {hashed.made.space}, and no codes",
            hint="robusthash eval scores models of descriptors",
        )
    array = hashed.representation.numpy()
    return Stored(
        path=path,
        codes=given_codes(array, f"the codes in {path}", hashed.made.size),
        labels=hashed.labels,
        maker=hashed.made,
    )


def _labels(path: Path | None, stored: Stored, classes: int | None, option: str) -> Any:
    """Labels from their file, or from that of the codes."""
    if path is None:
        if stored.labels is None:
            raise UsageError(f"{stored.path} holds no labels", hint=f"name a file of them: {option} FILE.npy")
        return stored.labels
    array = mapped_array(path, "the labels")
    if classes is None:
        return array
    width = -(-classes // 8)
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != width:
        raise InputError(
            f"{path} holds {array.shape} {array.dtype}, not labels of {classes} classes in bits",
            hint=f"(n, {width}) uint8, as numpy.packbits(labels, axis=1) makes them; rows of 0 and 1 without --classes",
        )
    return PackedLabels(octets=array, classes=classes)


def _rows(histograms: DistanceHistograms, first: int, count: int) -> DistanceHistograms:
    rows = slice(first, first + count)
    return DistanceHistograms(items=histograms.items[rows], relevant=histograms.relevant[rows], bits=histograms.bits)
