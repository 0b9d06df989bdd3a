"""NUS-WIDE, in the splits of each paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robusthash_datasets.drawing.recipes import AtRandom, Greedy, PerClass, Recipe
from robusthash_datasets.lists.published import Published
from robusthash_datasets.literature.sources import COLUMNS, DEEPHASH, HASHNET, PAIRS, PROSGAN, by_drawing, by_hand
from robusthash_datasets.originals import Original
from robusthash_datasets.originals.nuswide import NusWide

_NUSWIDE = "download the images listed on the NUS-WIDE page (lms.comp.nus.edu.sg) into {folder}/images"
_NUSWIDE_M = (
    "download NUS-WIDE-m, copies of NUS-WIDE's images (lms.comp.nus.edu.sg) linked at github.com/thuml/HashNet, into "
    "nuswide_81/images"
)


@dataclass(frozen=True, kw_only=True)
class NusWide21(Published):
    """NUS-WIDE (Chua et al., CIVR 2009): 195,834 images with one of the 21 commonest concepts, split of ProS-GAN."""

    known: ClassVar[Mapping[str, int]] = {"query": 2100, "database": 193734, "train": 10500, "classes": 21}
    released: ClassVar[Mapping[str, str]] = {"query": "c7a6a20d9e0e8db3", "train": "fd441f776c43a888"}
    fetch: ClassVar[str] = by_hand(_NUSWIDE, PROSGAN, PAIRS, "NUS-WIDE", name="nuswide21")
    original: ClassVar[Original | None] = NusWide(most=21)
    recipe: ClassVar[Recipe | None] = PerClass(queries=100, train=500)
    listed: ClassVar[str] = "images/"

    title: str = "nuswide21"  #: name of the dataset in results
    folder: str = "NUS-WIDE"  #: folder of the lists, in --data-root


@dataclass(frozen=True, kw_only=True)
class NusWide21DeepHash(Published):
    """NUS-WIDE with 21 concepts, in the splits of DeepHash-pytorch: the sizes of ProS-GAN's, with other items."""

    known: ClassVar[Mapping[str, int]] = {"query": 2100, "database": 193734, "train": 10500, "classes": 21}
    released: ClassVar[Mapping[str, str]] = {"query": "af2d5814cfce12bb", "train": "50802b6b68afd79b"}
    fetch: ClassVar[str] = by_hand(
        _NUSWIDE.replace("{folder}", "NUS-WIDE"), DEEPHASH, COLUMNS, "NUS-WIDE/deephash", name="nuswide21/deephash"
    )
    original: ClassVar[Original | None] = NusWide(most=21)
    recipe: ClassVar[Recipe | None] = Greedy(queries=100, train=500)
    listed: ClassVar[str] = "images/"

    title: str = "nuswide21/deephash"  #: name of the dataset in results
    folder: str = "NUS-WIDE/deephash"  #: folder of the lists, in --data-root
    images: Path | None = Path("..")  #: root of the listed paths, relative to the folder of the lists


@dataclass(frozen=True, kw_only=True)
class NusWide21M(Published):
    """NUS-WIDE-m, HashNet's copies of the images, with 21 concepts: the lists that CSQ and DeepHash-pytorch use.

    They call it ``nuswide_21_m``. Its database is a subset of the images with these concepts.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 2100, "train": 10500, "classes": 21}
    released: ClassVar[Mapping[str, str]] = {"query": "e6a909302d013222", "train": "05c206ebd8483f37"}
    fetch: ClassVar[str] = by_hand(_NUSWIDE_M, f"nuswide_21_m of {DEEPHASH}", COLUMNS, "nuswide_21_m")

    title: str = "nuswide21/m"  #: name of the dataset in results
    folder: str = "nuswide_21_m"  #: folder of the lists, in --data-root
    images: Path | None = Path("../nuswide_81")  #: root of the listed paths, relative to the folder of the lists


@dataclass(frozen=True, kw_only=True)
class NusWide81(Published):
    """NUS-WIDE with all 81 concepts, in the splits of HashNet, on images that its authors downloaded again.

    1,131 of the released queries are unlabelled.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "train": 10000, "classes": 81}
    released: ClassVar[Mapping[str, str]] = {"query": "8cf0edb940cfe2e5"}
    fetch: ClassVar[str] = by_hand(_NUSWIDE, HASHNET, COLUMNS, "nuswide_81", name="nuswide81")
    original: ClassVar[Original | None] = NusWide()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=5000, train=10000)
    listed: ClassVar[str] = "images/"

    title: str = "nuswide81"  #: name of the dataset in results
    folder: str = "nuswide_81"  #: folder of the lists, in --data-root
    strip: str = "./data/nuswide_81/"  #: prefix that is removed from the listed paths


@dataclass(frozen=True, kw_only=True)
class NusWide81Rnm(Published):
    """NUS-WIDE with all 81 concepts and all 269,648 images, in the splits of RNM (Machines 2022, section 5.1)."""

    known: ClassVar[Mapping[str, int]] = {"query": 500, "database": 269148, "train": 269148, "classes": 81}
    lists_released: ClassVar[bool] = False
    fetch: ClassVar[str] = by_drawing(
        _NUSWIDE.replace("{folder}", "NUS-WIDE"), "its ImageList and Groundtruth", "NUS-WIDE/rnm", "nuswide81/rnm"
    )
    original: ClassVar[Original | None] = NusWide(unlabelled=True)
    recipe: ClassVar[Recipe | None] = AtRandom(queries=500, train=None)
    listed: ClassVar[str] = "images/"

    title: str = "nuswide81/rnm"  #: name of the dataset in results
    folder: str = "NUS-WIDE/rnm"  #: folder of the lists, in --data-root
    images: Path | None = Path("..")  #: root of the listed paths, relative to the folder of the lists
