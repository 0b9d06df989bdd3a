"""The multi-label datasets of the deep hashing literature, in the splits of each paper."""

from robusthash_datasets.literature.coco import MsCoco, MsCocoDeepHash, MsCocoHashNet
from robusthash_datasets.literature.flickr import (
    Flickr25k,
    Flickr25kCrossModal,
    Flickr25kDeepHash,
    Flickr25kRnm,
    Flickr25kTorchCmh,
)
from robusthash_datasets.literature.imagenet import ImageNet100, ImageNet100Dhta
from robusthash_datasets.literature.nuswide import NusWide21, NusWide21DeepHash, NusWide21M, NusWide81, NusWide81Rnm
from robusthash_datasets.literature.voc import Voc2012

__all__ = [
    "Flickr25k",
    "Flickr25kCrossModal",
    "Flickr25kDeepHash",
    "Flickr25kRnm",
    "Flickr25kTorchCmh",
    "ImageNet100",
    "ImageNet100Dhta",
    "MsCoco",
    "MsCocoDeepHash",
    "MsCocoHashNet",
    "NusWide21",
    "NusWide21DeepHash",
    "NusWide21M",
    "NusWide81",
    "NusWide81Rnm",
    "Voc2012",
]
