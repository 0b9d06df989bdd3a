"""Which metrics exist in a space, and what they are filed under."""

from collections.abc import Iterable, Mapping

from robusthash.contracts import Space
from robusthash.errors import UsageError
from robusthash.metrics.protocols import RankingMetric


def by_name(metrics: Iterable[RankingMetric]) -> dict[str, RankingMetric]:
    """Metrics by their own names, which carry their options: what a number is filed under, whatever was asked for.

    Args:
        metrics: in order; one that comes twice is there once.

    Raises:
        UsageError: two different ones have one name.
    """
    found: dict[str, RankingMetric] = {}
    for metric in metrics:
        other = found.setdefault(metric.name, metric)
        if other != metric:
            raise UsageError(
                f"two metrics are named {metric.name!r}: {other} and {metric}",
                hint="a metric's name has to carry its options; leave one of the two out",
            )
    return found


def metrics_of(
    space: Space, metrics: Mapping[str, RankingMetric], *, named: bool
) -> tuple[dict[str, RankingMetric], dict[str, str]]:
    """Those of some metrics that exist in a space, and why the others do not.

    Args:
        space: what a run searches in.
        metrics: by name.
        named: whether the user named them; a default list is cut to what there is.

    Returns:
        The metrics, in their order; and a reason for each that is left out, by name.

    Raises:
        UsageError: a metric that the user named does not exist in the space, or none of a default list does.
    """
    reasons = {name: reason for name, metric in metrics.items() if (reason := metric.problem(space))}
    kept = {name: metric for name, metric in metrics.items() if name not in reasons}
    if reasons and (named or not kept):
        raise UsageError(
            f"a search in {space} has no {', '.join(reasons)}: {'; '.join(reasons.values())}",
            hint="map and its variants rank by any distance",
        )
    return kept, reasons
