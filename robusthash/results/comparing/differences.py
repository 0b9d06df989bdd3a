"""Two records of the same queries, compared query by query."""

from dataclasses import dataclass

import numpy as np

from robusthash.errors import InputError, UsageError
from robusthash.metrics import PairedComparison, paired_comparison
from robusthash.results.records.arrays import QueryArrays
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, CLEAN, Against, ScoreKey, after_jpeg

STAGES = (CLEAN, ADVERSARIAL)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One metric of two records.

    Attributes:
        stage: ``clean``, ``adversarial`` (after 8-bit rounding), or after JPEG compression.
        metric: its name, with a prefix if against the target labels.
        left: mean in the first record.
        right: mean in the second.
        paired: first minus second, with interval and randomisation test.
    """

    stage: str
    metric: str
    left: float
    right: float
    paired: PairedComparison


def compare(
    left: Record,
    left_arrays: QueryArrays,
    right: Record,
    right_arrays: QueryArrays,
    *,
    seed: int = 0,
) -> list[Difference]:
    """Compares two records in the metrics that they share.

    Args:
        left: the first record.
        left_arrays: its per-query arrays.
        right: the second.
        right_arrays: its per-query arrays.
        seed: of the resampling.

    Returns:
        One difference per stage and shared metric. Metrics whose mean leaves out queries are omitted, since their
        queries are not paired.

    Raises:
        UsageError: the records differ in queries, dataset, direction, relevance, goal or targets, or share no metric.
        InputError: their arrays are missing, or of different numbers of queries.
    """
    for what, one, other in (
        ("queries", left.dataset.query_digest, right.dataset.query_digest),
        ("dataset", left.dataset.digest, right.dataset.digest),
        ("direction", left.victim.direction, right.victim.direction),
        ("relevance", left.scoring.relevance, right.scoring.relevance),
        ("goal", left.attack.goal, right.attack.goal),
        *([("seed of the targets", *(one.conditions.seed for one in (left, right)))] if _targeted(left) else []),
    ):
        if one != other:
            raise UsageError(
                f"the records differ in {what}: {one} and {other}", hint="compare records of the same queries and goal"
            )
    shared = [
        name for name, protocol in left.scoring.protocols.items() if right.scoring.protocols.get(name) == protocol
    ]
    if not shared:
        raise UsageError("the records share no metric of the same protocol", hint="evaluate with the same --metric")
    keys = [
        ScoreKey(stage, name, against) for stage in _stages(left, right) for against in _labels(left) for name in shared
    ]
    scored = [(key, left_arrays.scores_of(*key), right_arrays.scores_of(*key)) for key in keys]
    for key, one, other in scored:
        if one.shape != other.shape or not len(one):
            raise InputError(
                f"the scores {key.stored} of the two records are of {len(one)} and {len(other)} queries",
                hint="evaluate both again with --force",
            )
    return [
        Difference(
            stage=key.stage,
            metric=key.against.qualify(key.metric),
            left=_mean(left, key),
            right=_mean(right, key),
            paired=paired_comparison(one, other, seed=seed),
        )
        for key, one, other in scored
        if _is_plain_mean(one, _mean(left, key)) and _is_plain_mean(other, _mean(right, key))
    ]


def _stages(left: Record, right: Record) -> tuple[str, ...]:
    """Those that both were scored at."""
    shared = set(left.scoring.qualities) & set(right.scoring.qualities)
    return (*STAGES, *(stage for quality in sorted(shared, reverse=True) for stage in after_jpeg(quality)))


def _targeted(record: Record) -> bool:
    return record.attack.against is Against.TARGET


def _labels(record: Record) -> tuple[Against, ...]:
    return tuple(Against) if _targeted(record) else (Against.OWN,)


def _mean(record: Record, key: ScoreKey) -> float:
    return record.measure(key.stage, metric=key.metric, against=key.against).value


def _is_plain_mean(values: np.ndarray, mean: float) -> bool:
    return bool(np.isclose(values.mean(), mean, rtol=0, atol=1e-9))
