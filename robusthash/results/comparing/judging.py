"""What a record is judged by: one metric, and which way is strong."""

from robusthash.results.records.record import Measure, Record
from robusthash.specs import Goal

HEADLINE = "map"  #: the metric shown, where a record has it
NOISE = "noise"  #: the attack that every other one is shown beside, and is not ranked with: it seeks nothing


def headline(record: Record) -> str:
    """The metric that a record is judged by."""
    return HEADLINE if HEADLINE in record.protocols else min(record.protocols)


def judged(record: Record, stage: str, metric: str) -> Measure:
    """A metric of one stage: with respect to the target labels if the attack has any."""
    return record.metrics[stage][f"t-{metric}" if record.goal == Goal.TARGETED else metric]


def strength(record: Record, metric: str) -> float:
    """What to sort by: smaller is a stronger attack, larger a more robust victim."""
    value = judged(record, "adversarial", metric).value
    return -value if record.goal == Goal.TARGETED else value


def counts(record: Record) -> bool:
    """Whether an attack's strength counts: it is held to epsilon, and is not noise."""
    return record.bounded and record.attack.name != NOISE
