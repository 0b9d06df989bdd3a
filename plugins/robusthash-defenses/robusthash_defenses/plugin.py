"""What this distribution offers; importable without torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import DefenseSpec


@hookimpl
def robusthash_defenses() -> Iterator[DefenseSpec]:
    """The defenses of this distribution."""
    yield DefenseSpec(
        name="bit-depth",
        factory="robusthash_defenses.bit_depth:BitDepth",
        summary="Rounds the inputs to a few levels a channel, with a gradient that attacks can follow",
        paper="xu2018feature",
    )
