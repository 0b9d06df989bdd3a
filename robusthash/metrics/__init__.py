"""Ranking metrics over Hamming distances, distances between images, and statistics over queries."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robusthash.metrics.floors import random_floor as random_floor
    from robusthash.metrics.floors import worst_floor as worst_floor
    from robusthash.metrics.histograms import DistanceHistograms as DistanceHistograms
    from robusthash.metrics.histograms import distance_histograms as distance_histograms
    from robusthash.metrics.imagery import l2 as l2
    from robusthash.metrics.imagery import linf as linf
    from robusthash.metrics.imagery import psnr as psnr
    from robusthash.metrics.imagery import ssim as ssim
    from robusthash.metrics.protocols import RankingMetric as RankingMetric
    from robusthash.metrics.ranking import Scores as Scores
    from robusthash.metrics.relevance import Relevance as Relevance
    from robusthash.metrics.statistics import Comparison as Comparison
    from robusthash.metrics.statistics import bootstrap_interval as bootstrap_interval
    from robusthash.metrics.statistics import compare_paired as compare_paired

#: Where each name lives. Listings of metrics must not import torch, so a name is fetched on first use.
_HOMES = {
    "Comparison": "statistics",
    "DistanceHistograms": "histograms",
    "RankingMetric": "protocols",
    "Relevance": "relevance",
    "Scores": "ranking",
    "bootstrap_interval": "statistics",
    "compare_paired": "statistics",
    "distance_histograms": "histograms",
    "l2": "imagery",
    "linf": "imagery",
    "psnr": "imagery",
    "random_floor": "floors",
    "ssim": "imagery",
    "worst_floor": "floors",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
