"""CIFAR-10, from the files of its authors or from a JPEG copy."""

from robusthash_datasets.cifar.dataset import Cifar10

__all__ = ["Cifar10"]
