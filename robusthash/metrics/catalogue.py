"""The ranking metrics that come with the core, as specs. Importable without torch and numpy."""

from typing import Any

from robusthash.specs import MetricSpec

_MODULE = "robusthash.metrics.protocols"
_TIES = "mcsherry2008computing"


def _spec(name: str, factory: str, summary: str, options: dict[str, Any], paper: str | None = None) -> MetricSpec:
    return MetricSpec(name=name, factory=f"{_MODULE}:{factory}", summary=summary, options=options, paper=paper or _TIES)


CORE_METRICS: tuple[MetricSpec, ...] = (
    _spec("map", "MeanAveragePrecision", "Mean average precision over the whole database", {}),
    *(
        _spec(f"map@{k}", "MeanAveragePrecision", f"MAP of the first {k} places, divided by min({k}, R)", {"k": k})
        for k in (100, 1000, 5000)
    ),
    _spec("precision@r2", "BallPrecision", "Precision within Hamming radius 2, an empty ball is 0", {"radius": 2}),
    *(_spec(f"precision@{k}", "TopPrecision", f"Precision of the first {k} places", {"k": k}) for k in (100, 1000)),
    _spec(
        "prosgan",
        "HitsMeanAveragePrecision",
        "CalcMap of ProS-GAN over the whole database: the same numbers as map",
        {},
        "wang2021prototype",
    ),
    *(
        _spec(
            f"prosgan@{k}",
            "HitsMeanAveragePrecision",
            f"CalcTopMap of ProS-GAN, CgAT and DeepHash: MAP over the hits in the first {k} places, no hit is 0",
            {"k": k},
            "wang2021prototype",
        )
        for k in (1000, 5000)
    ),
    _spec(
        "dhta@1000",
        "HitsMeanAveragePrecision",
        "MAP of DHTA and HashNet: over the hits in the first 1000 places, queries without a hit left out",
        {"k": 1000, "exclude_zero_hits": True},
        "bai2020targeted",
    ),
    _spec(
        "fpad@50",
        "FirstRelevantMeanAveragePrecision",
        "CalcMap of DCMH, FPAD and EQB2A: MAP over the first 50 relevant items, wherever they rank",
        {"m": 50},
    ),
    *(
        _spec(
            f"trec@{k}",
            "MeanAveragePrecision",
            f"map_cut of trec_eval: MAP of the first {k} places, divided by R",
            {"k": k, "denominator": "relevant"},
        )
        for k in (1000, 5000)
    ),
)
