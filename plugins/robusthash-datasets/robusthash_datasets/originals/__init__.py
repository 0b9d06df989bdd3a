"""The original distributions of datasets, as their owners lay them out."""

from robusthash_datasets.originals.annotated import Annotated, Original

__all__ = ["Annotated", "Original"]
