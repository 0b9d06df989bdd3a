"""Datasets of other libraries as they are in memory: of torchvision, of Hugging Face, or anything of their form."""

from robusthash.api.objects.joining import AnyDataset, given_data

__all__ = ["AnyDataset", "given_data"]
