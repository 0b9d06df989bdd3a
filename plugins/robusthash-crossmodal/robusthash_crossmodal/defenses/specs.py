"""The defenses of this folder. Importable without torch."""

from collections.abc import Iterator

from robusthash.specs import DefenseSpec


def defenses() -> Iterator[DefenseSpec]:
    """Defenses of cross-modal models and of texts."""
    yield from ()
