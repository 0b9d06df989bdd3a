"""Two records of the same queries, compared query by query."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robusthash.errors import UsageError
from robusthash.metrics import PairedComparison, paired_comparison
from robusthash.results.records.record import Record
from robusthash.specs import Goal

STAGES = ("clean", "adversarial")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric of two records.

    Attributes:
        stage: ``clean``, or ``adversarial`` after 8-bit rounding.
        metric: its name.
        left: mean of the first record.
        right: mean of the second.
        paired: first minus second, with its interval and the randomisation test.
    """

    stage: str
    metric: str
    left: float
    right: float
    paired: PairedComparison


def compare(
    left: Record,
    left_arrays: Mapping[str, np.ndarray],
    right: Record,
    right_arrays: Mapping[str, np.ndarray],
    *,
    seed: int = 0,
) -> list[Difference]:
    """Compares the metrics that two records share.

    Args:
        left: the first record.
        left_arrays: its per-query arrays.
        right: the second.
        right_arrays: its per-query arrays.
        seed: of the resampling.

    Returns:
        One difference for each stage and shared metric. Metrics that leave queries out of their mean are passed over:
        their queries are not paired.

    Raises:
        UsageError: the two are not about the same queries, database, relevance, targets or protocols.
    """
    for what, one, other in (
        ("queries", left.dataset.query_digest, right.dataset.query_digest),
        ("dataset", left.dataset.digest, right.dataset.digest),
        ("relevance", left.relevance, right.relevance),
        ("goal", left.goal, right.goal),
        *((("seed of the targets", left.seed, right.seed),) if left.goal == Goal.TARGETED else ()),
    ):
        if one != other:
            raise UsageError(
                f"the records differ in {what}: {one} and {other}", hint="compare records of the same queries and goal"
            )
    shared = [name for name, protocol in left.protocols.items() if right.protocols.get(name) == protocol]
    if not shared:
        raise UsageError("the records share no metric of the same protocol", hint="evaluate with the same --metric")
    names = [f"{prefix}{name}" for prefix in _prefixes(left) for name in shared]
    return [
        Difference(
            stage=stage,
            metric=name,
            left=left.metrics[stage][name].value,
            right=right.metrics[stage][name].value,
            paired=paired_comparison(left_arrays[key], right_arrays[key], seed=seed),
        )
        for stage in STAGES
        for name in names
        for key in (f"{stage}/{name}",)
        if _is_plain_mean(left_arrays[key], left, stage, name) and _is_plain_mean(right_arrays[key], right, stage, name)
    ]


def _prefixes(record: Record) -> tuple[str, ...]:
    return ("", "t-") if record.goal == Goal.TARGETED else ("",)


def _is_plain_mean(values: np.ndarray, record: Record, stage: str, name: str) -> bool:
    return bool(np.isclose(values.mean(), record.metrics[stage][name].value, rtol=0, atol=1e-9))
