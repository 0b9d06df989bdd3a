"""MIRFLICKR-25K, in the splits of each paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robusthash_datasets.drawing.recipes import AtRandom, Recipe
from robusthash_datasets.lists.published import Published
from robusthash_datasets.literature.sources import COLUMNS, DEEPHASH, PAIRS, PROSGAN, by_drawing, by_hand
from robusthash_datasets.mat.torchcmh import TorchCmh
from robusthash_datasets.originals import Original
from robusthash_datasets.originals.mirflickr import MirFlickr

_TORCHCMH = "github.com/WangGodder/deep-cross-modal-hashing (see its folder torchcmh/dataset)"
_MIRFLICKR = "download mirflickr25k.zip from press.liacs.nl/mirflickr and unpack it as FLICKR-25K/mirflickr"
#: DeepHash-pytorch's columns, in alphabetical order.
_FLICKR_BY_NAME = (
    *("animals", "baby", "baby_r1", "bird", "bird_r1", "car", "car_r1", "clouds", "clouds_r1", "dog", "dog_r1"),
    *("female", "female_r1", "flower", "flower_r1", "food", "indoor", "lake", "male", "male_r1", "night", "night_r1"),
    *("people", "people_r1", "plant_life", "portrait", "portrait_r1", "river", "river_r1", "sea", "sea_r1", "sky"),
    *("structures", "sunset", "transport", "tree", "tree_r1", "water"),
)
#: ProS-GAN's columns, named by comparing their content with DeepHash-pytorch's.
_FLICKR_PROSGAN = (
    *("clouds", "sky", "lake", "tree", "indoor", "female_r1", "portrait", "dog", "river_r1", "flower_r1", "animals"),
    *("car", "sea", "night", "transport", "sunset", "people", "bird_r1", "flower", "clouds_r1", "food", "baby_r1"),
    *("sea_r1", "night_r1", "structures", "dog_r1", "car_r1", "water", "baby", "male_r1", "plant_life", "portrait_r1"),
    *("tree_r1", "bird", "people_r1", "male", "river", "female"),
)


@dataclass(frozen=True, kw_only=True)
class Flickr25k(Published):
    """MIRFLICKR-25K (Huiskes and Lew, MIR 2008) with 38 labels, in the splits of ProS-GAN, CgAT and SAAT.

    The published train list has 504 duplicate rows, and 38 queries, 381 database and 95 train rows are unlabelled.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 1700, "database": 23300, "train": 5000, "classes": 38}
    released: ClassVar[Mapping[str, str]] = {
        "query": "b6ad40c51d03efcf",
        "database": "64553678cafaed60",
        "train": "47695dda568f9cc0",
    }
    columns: ClassVar[tuple[str, ...]] = _FLICKR_PROSGAN
    fetch: ClassVar[str] = by_hand(_MIRFLICKR, PROSGAN, PAIRS, "FLICKR-25K", name="flickr25k")
    original: ClassVar[Original | None] = MirFlickr()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=1700, train=5000)
    listed: ClassVar[str] = "mirflickr/"

    title: str = "flickr25k"  #: name of the dataset in results
    folder: str = "FLICKR-25K"  #: folder of the lists, in --data-root


@dataclass(frozen=True, kw_only=True)
class Flickr25kDeepHash(Published):
    """MIRFLICKR-25K with 38 labels, in the splits of DeepHash-pytorch: the train items are not in the database."""

    known: ClassVar[Mapping[str, int]] = {"query": 1000, "database": 20000, "train": 4000, "classes": 38}
    released: ClassVar[Mapping[str, str]] = {
        "query": "abe0d72ef80d06d5",
        "database": "b8afd43529faed65",
        "train": "55d98a6f38b1d9ef",
    }
    columns: ClassVar[tuple[str, ...]] = _FLICKR_BY_NAME
    fetch: ClassVar[str] = by_hand(_MIRFLICKR, DEEPHASH, COLUMNS, "FLICKR-25K/deephash", name="flickr25k/deephash")
    original: ClassVar[Original | None] = MirFlickr()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=1000, train=4000, disjoint=True)

    title: str = "flickr25k/deephash"  #: name of the dataset in results
    folder: str = "FLICKR-25K/deephash"  #: folder of the lists, in --data-root
    images: Path | None = Path("../mirflickr")  #: root of the listed paths, relative to the folder of the lists


@dataclass(frozen=True, kw_only=True)
class Flickr25kRnm(Published):
    """MIRFLICKR-25K with 38 labels, in the splits of RNM (Machines 2022, section 5.1).

    500 queries are drawn at random; all others are both database and train items. Its lists were not released.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 500, "database": 24500, "train": 24500, "classes": 38}
    lists_released: ClassVar[bool] = False
    fetch: ClassVar[str] = by_drawing(
        _MIRFLICKR, "mirflickr25k_annotations_v080.zip from there", "FLICKR-25K/rnm", "flickr25k/rnm"
    )
    original: ClassVar[Original | None] = MirFlickr()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=500, train=None)

    title: str = "flickr25k/rnm"  #: name of the dataset in results
    folder: str = "FLICKR-25K/rnm"  #: folder of the lists, in --data-root
    images: Path | None = Path("../mirflickr")  #: root of the listed paths, relative to the folder of the lists


@dataclass(frozen=True, kw_only=True)
class Flickr25kCrossModal(Published):
    """MIRFLICKR-25K with 24 labels, in the sizes used by cross-modal papers such as FPAD.

    They keep 20,015 of the 25,000 images, those with a tag that at least 20 images have. Their splits are the first
    rows of a MATLAB file; here they are drawn.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 2000, "database": 18015, "train": 5000, "classes": 24}
    fetch: ClassVar[str] = by_drawing(
        _MIRFLICKR, "mirflickr25k_annotations_v080.zip from there", "FLICKR-25K/crossmodal", "flickr25k/crossmodal"
    )
    original: ClassVar[Original | None] = MirFlickr(narrow=False, common_tags=20)
    recipe: ClassVar[Recipe | None] = AtRandom(queries=2000, train=5000)

    title: str = "flickr25k/crossmodal"  #: name of the dataset in results
    folder: str = "FLICKR-25K/crossmodal"  #: folder of the lists, in --data-root
    images: Path | None = Path("../mirflickr")  #: root of the listed paths, relative to the folder of the lists


@dataclass(frozen=True, kw_only=True)
class Flickr25kTorchCmh(TorchCmh):
    """MIRFLICKR-25K with 24 labels, in the splits of torchcmh (deep-cross-modal-hashing), with DCMH's sizes.

    Its files list 20,015 images. The seed of the permutation is torchcmh's.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 2000, "database": 18015, "train": 10000, "classes": 24}
    permutation: ClassVar[int] = 6
    fetch: ClassVar[str] = by_hand(_MIRFLICKR, _TORCHCMH, "imgList.mat and labelList.mat", "FLICKR-25K/torchcmh")

    title: str = "flickr25k/torchcmh"  #: name of the dataset in results
    folder: str = "FLICKR-25K/torchcmh"  #: folder of the lists, in --data-root
    images: Path | None = Path("../mirflickr")  #: root of the listed paths, relative to the folder of the lists
