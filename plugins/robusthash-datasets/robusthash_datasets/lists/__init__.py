"""List files of published code: their parsing, their cache, and the datasets that they describe."""

from robusthash_datasets.lists.dataset import Lists

__all__ = ["Lists"]
