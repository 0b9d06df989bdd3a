"""What a record is judged by: one metric, and which way is strong."""

from robusthash.results.records.outcome import Measure
from robusthash.results.records.record import Record
from robusthash.results.records.stages import ADVERSARIAL, Against
from robusthash.specs import Role

NOISE = "noise"  #: the attack that every other one is shown beside, and is not ranked with: it seeks nothing


def headline(record: Record) -> str:
    """The metric that a record is judged by."""
    return record.scoring.headline


def judged(record: Record, stage: str, metric: str) -> Measure:
    """A metric of one stage: with respect to the target labels if the attack has any."""
    return record.measure(stage, metric=metric)


def strength(record: Record, metric: str) -> float:
    """What to sort by: smaller is a stronger attack, larger a more robust victim."""
    value = judged(record, ADVERSARIAL, metric).value
    return -value if record.attack.against is Against.TARGET else value


def counts(record: Record) -> bool:
    """Whether an attack's strength counts: it is held to epsilon, and is no reference."""
    return record.bounded and record.attack.role is not Role.REFERENCE
