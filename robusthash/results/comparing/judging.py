"""What a record is judged by: its headline, and which way is strong."""

from robusthash.results.records.record import Record
from robusthash.results.records.stages import Against
from robusthash.specs import Role


def strength(record: Record) -> float:
    """What to sort by: smaller is a stronger attack, larger a more robust victim."""
    value = record.measure().value
    return -value if record.attack.against is Against.TARGET else value


def counts(record: Record) -> bool:
    """Whether an attack's strength counts: it is held to epsilon, and is no reference."""
    return record.bounded and record.attack.role is not Role.REFERENCE
