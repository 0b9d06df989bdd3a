"""The core's own metrics by name; importable without torch and numpy."""

from robusthash.specs import MetricSpec

_PROTOCOLS = "robusthash.metrics.protocols"
_MAP = f"{_PROTOCOLS}:MeanAveragePrecision"
_HITS = f"{_PROTOCOLS}:HitsInTopK"
_TIES = "McSherry and Najork, Computing IR Performance Measures Efficiently in the Presence of Tied Scores, ECIR 2008"
_CUTS = (1000, 5000)


def _cut(k: int) -> tuple[MetricSpec, ...]:
    """The variants of mean average precision after k places."""
    return (
        MetricSpec(
            name=f"map@{k}",
            factory=_MAP,
            options={"k": k, "reachable": True},
            summary=f"Mean average precision of the first {k} places, over min(R, {k})",
            paper=_TIES,
        ),
        MetricSpec(
            name=f"trec@{k}",
            factory=_MAP,
            options={"k": k},
            summary="The same over all R relevant items, as trec_eval's map_cut",
        ),
        MetricSpec(
            name=f"prosgan@{k}",
            factory=_HITS,
            options={"k": k},
            summary=f"Over the hits among the first {k}, no hit is 0 (DeepHash, ProS-GAN, CgAT)",
        ),
        MetricSpec(
            name=f"dhta@{k}",
            factory=_HITS,
            options={"k": k, "skip_misses": True},
            summary=f"Over the hits among the first {k}, queries without a hit left out (HashNet, DHTA)",
        ),
    )


CORE_METRICS = (
    MetricSpec(
        name="map",
        factory=_MAP,
        summary="Mean average precision of the whole ranking, ties in expectation",
        paper=_TIES,
    ),
    *(spec for k in _CUTS for spec in _cut(k)),
    MetricSpec(
        name="fpad@50",
        factory=f"{_PROTOCOLS}:FirstRelevant",
        options={"m": 50},
        summary="Precision at the first 50 relevant items wherever they rank (DCMH, FPAD)",
    ),
    MetricSpec(
        name="precision@100",
        factory=f"{_PROTOCOLS}:PrecisionAtK",
        options={"k": 100},
        summary="Share of relevant items among the first 100",
    ),
    MetricSpec(
        name="precision@r2",
        factory=f"{_PROTOCOLS}:PrecisionWithinRadius",
        options={"radius": 2},
        summary="Share of relevant items within Hamming radius 2, an empty ball is 0",
    ),
)
