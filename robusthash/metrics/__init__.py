"""Ranking, imagery and statistics. Names are imported on first use: the catalogue is read without torch and numpy."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robusthash.metrics.catalogue import CORE_METRICS
    from robusthash.metrics.choice import by_name, metrics_of
    from robusthash.metrics.counting.counts import MeasuredCounts, RankedCounts
    from robusthash.metrics.counting.distances import DescriptorDistances
    from robusthash.metrics.counting.histograms import DistanceHistograms, distance_histograms
    from robusthash.metrics.counting.labels import PackedLabels, pack_labels
    from robusthash.metrics.counting.ranked import DescriptorCounts, ranked_counts
    from robusthash.metrics.counting.relevance import relevant_counts
    from robusthash.metrics.floors import best_ceiling, best_counts, random_floor, worst_counts, worst_floor
    from robusthash.metrics.functional import (
        core_metric,
        map,  # noqa: A004 - the field's name
        precision,
        precision_within,
        score,
    )
    from robusthash.metrics.imagery import l2, linf, perceptibility, psnr, rmse, ssim
    from robusthash.metrics.protocols import RankingMetric
    from robusthash.metrics.returned import Returned, returned_counts, returned_metrics
    from robusthash.metrics.scores import Scores
    from robusthash.metrics.statistics import PairedComparison, bootstrap_interval, paired_comparison
    from robusthash.specs import Relevance

__all__ = [
    "CORE_METRICS",
    "DescriptorCounts",
    "DescriptorDistances",
    "DistanceHistograms",
    "MeasuredCounts",
    "PackedLabels",
    "PairedComparison",
    "RankedCounts",
    "RankingMetric",
    "Relevance",
    "Returned",
    "Scores",
    "best_ceiling",
    "best_counts",
    "bootstrap_interval",
    "by_name",
    "core_metric",
    "distance_histograms",
    "l2",
    "linf",
    "map",
    "metrics_of",
    "pack_labels",
    "paired_comparison",
    "perceptibility",
    "precision",
    "precision_within",
    "psnr",
    "random_floor",
    "ranked_counts",
    "relevant_counts",
    "returned_counts",
    "returned_metrics",
    "rmse",
    "score",
    "ssim",
    "worst_counts",
    "worst_floor",
]

_MODULES = {
    "catalogue": ("CORE_METRICS",),
    "choice": ("by_name", "metrics_of"),
    "counting.counts": ("MeasuredCounts", "RankedCounts"),
    "counting.distances": ("DescriptorDistances",),
    "floors": ("best_ceiling", "best_counts", "random_floor", "worst_counts", "worst_floor"),
    "functional": ("core_metric", "map", "precision", "precision_within", "score"),
    "counting.histograms": ("DistanceHistograms", "distance_histograms"),
    "counting.labels": ("PackedLabels", "pack_labels"),
    "imagery": ("l2", "linf", "perceptibility", "psnr", "rmse", "ssim"),
    "protocols": ("RankingMetric",),
    "counting.ranked": ("DescriptorCounts", "ranked_counts"),
    "counting.relevance": ("Relevance", "relevant_counts"),
    "returned": ("Returned", "returned_counts", "returned_metrics"),
    "scores": ("Scores",),
    "statistics": ("PairedComparison", "bootstrap_interval", "paired_comparison"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
