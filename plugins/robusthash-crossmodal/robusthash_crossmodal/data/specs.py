"""The datasets of this folder. Importable without torch."""

from collections.abc import Iterator

from robusthash.specs import DatasetSpec


def datasets() -> Iterator[DatasetSpec]:
    """Datasets with images and texts."""
    yield from ()
