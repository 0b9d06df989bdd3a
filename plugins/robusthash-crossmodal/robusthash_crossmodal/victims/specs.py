"""The models of this folder. Importable without torch."""

from collections.abc import Iterator

from robusthash.specs import ModelSpec


def models() -> Iterator[ModelSpec]:
    """Models with two towers."""
    yield from ()
