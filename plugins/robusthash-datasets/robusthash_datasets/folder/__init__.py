"""The images of a user: a folder per class, or a table of labels."""

from robusthash_datasets.folder.dataset import Folder

__all__ = ["Folder"]
