"""The attacks of this folder. Importable without torch."""

from collections.abc import Iterator

from robusthash.specs import AttackSpec


def attacks() -> Iterator[AttackSpec]:
    """Attacks on cross-modal models and on texts."""
    yield from ()
