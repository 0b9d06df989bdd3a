"""How records are judged: by their headline."""

from robusthash.results.records.record import Record
from robusthash.results.records.stages import Against
from robusthash.specs import Role


def strength(record: Record) -> float:
    """A sort key: the smaller, the stronger the attack, and the less robust the victim."""
    value = record.measure().value
    return -value if record.attack.against is Against.TARGET else value


def counts(record: Record) -> bool:
    """Whether the attack is ranked: it is held to epsilon, and is not a reference."""
    return record.bounded and record.attack.role is not Role.REFERENCE
