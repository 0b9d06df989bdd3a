"""MS-COCO 2014, in the splits of each paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robusthash_datasets.drawing.recipes import AtRandom, Recipe
from robusthash_datasets.lists.published import Published
from robusthash_datasets.literature.sources import COLUMNS, DEEPHASH, HASHNET, PAIRS, PROSGAN, by_hand
from robusthash_datasets.originals import Original
from robusthash_datasets.originals.coco import Coco

_COCO = "download train2014.zip and val2014.zip from cocodataset.org and unpack them in {folder}"


@dataclass(frozen=True, kw_only=True)
class MsCoco(Published):
    """MS-COCO 2014 (Lin et al., ECCV 2014): the 122,218 images of train2014 and val2014 with a category.

    The splits are those of ProS-GAN. Its queries and train items are HashNet's, in another order.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "database": 117218, "train": 10000, "classes": 80}
    released: ClassVar[Mapping[str, str]] = {"query": "9240e032161c1895", "train": "04cfe54e59a99acf"}
    fetch: ClassVar[str] = by_hand(_COCO, PROSGAN, PAIRS, "MS-COCO", name="mscoco")
    original: ClassVar[Original | None] = Coco()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=5000, train=10000)

    title: str = "mscoco"  #: name of the dataset in results
    folder: str = "MS-COCO"  #: folder of the lists, in --data-root


@dataclass(frozen=True, kw_only=True)
class MsCocoHashNet(Published):
    """MS-COCO 2014 in the lists released with HashNet, whose database contains all queries and no train item.

    A query finds itself, so scores on these lists are too high; ``data verify`` reports it.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "database": 112218, "train": 10000, "classes": 80}
    released: ClassVar[Mapping[str, str]] = {
        "query": "5ef8103e7167a53b",
        "database": "2c3bfcce48134bbb",
        "train": "3b54832b7751b2aa",
    }
    fetch: ClassVar[str] = by_hand(_COCO, HASHNET, COLUMNS, "coco")

    title: str = "mscoco/hashnet"  #: name of the dataset in results
    folder: str = "coco"  #: folder of the lists, in --data-root
    strip: str = "./data/coco/"  #: prefix that is removed from the listed paths


@dataclass(frozen=True, kw_only=True)
class MsCocoDeepHash(Published):
    """MS-COCO 2014 in the splits of DeepHash-pytorch: the sizes of HashNet's, with other items."""

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "train": 10000, "classes": 80}
    released: ClassVar[Mapping[str, str]] = {"query": "764f736862ad4d33", "train": "3b4e97f9b71205d2"}
    fetch: ClassVar[str] = by_hand(
        _COCO.replace("{folder}", "MS-COCO"), DEEPHASH, COLUMNS, "MS-COCO/deephash", name="mscoco/deephash"
    )
    original: ClassVar[Original | None] = Coco()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=5000, train=10000)

    title: str = "mscoco/deephash"  #: name of the dataset in results
    folder: str = "MS-COCO/deephash"  #: folder of the lists, in --data-root
    images: Path | None = Path("..")  #: root of the listed paths, relative to the folder of the lists
