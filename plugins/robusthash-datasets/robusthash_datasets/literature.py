"""The multi-label datasets of the deep hashing literature, by their list files, with the counts that are published."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from robusthash_datasets.lists import Lists

_PUT = "put {train,test,database}_{img,label}.txt in %s under --data-root, and the images where the listed paths say"
_LISTS = "the lists ship with the code of ProS-GAN (github.com/xunguangwang/ProS-GAN, folder data) and its successors"


@dataclass(frozen=True, kw_only=True)
class Flickr25k(Lists):
    """MIRFLICKR-25K (Huiskes and Lew, MIR 2008) with 38 labels, in the splits of ProS-GAN, CgAT and SAAT.

    The published train list has 504 rows twice, and 38 queries, 381 database and 95 train rows have no label.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 1700, "database": 23300, "train": 5000, "classes": 38}
    fetch: ClassVar[str] = (
        f"fetch mirflickr25k.zip from press.liacs.nl/mirflickr, unpack it as FLICKR-25K/mirflickr; {_LISTS}; "
        + _PUT % "FLICKR-25K"
    )

    title: str = "flickr25k"  #: name of the dataset in results
    folder: str = "FLICKR-25K"  #: folder of the lists, in --data-root


@dataclass(frozen=True, kw_only=True)
class NusWide21(Lists):
    """NUS-WIDE (Chua et al., CIVR 2009): the 195,834 images that have one of the 21 most frequent concepts."""

    known: ClassVar[Mapping[str, int]] = {"query": 2100, "database": 193734, "train": 10500, "classes": 21}
    fetch: ClassVar[str] = (
        f"fetch the images named on the NUS-WIDE page (lms.comp.nus.edu.sg) into NUS-WIDE/images; {_LISTS}; "
        + _PUT % "NUS-WIDE"
    )

    title: str = "nuswide21"  #: name of the dataset in results
    folder: str = "NUS-WIDE"  #: folder of the lists, in --data-root


@dataclass(frozen=True, kw_only=True)
class MsCoco(Lists):
    """MS-COCO 2014 (Lin et al., ECCV 2014): the 122,218 images of train2014 and val2014 that have a category.

    The lists released with HashNet are others: their database holds all queries, and no train item.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "database": 117218, "train": 10000, "classes": 80}
    fetch: ClassVar[str] = (
        f"fetch train2014.zip and val2014.zip from cocodataset.org, unpack them in MS-COCO; {_LISTS}; "
        + _PUT % "MS-COCO"
    )

    title: str = "mscoco"  #: name of the dataset in results
    folder: str = "MS-COCO"  #: folder of the lists, in --data-root
