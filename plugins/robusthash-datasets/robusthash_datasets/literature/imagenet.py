"""100 classes of ImageNet, in the splits of each paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robusthash_datasets.drawing.recipes import HeldOut, Recipe
from robusthash_datasets.lists.attacked import Attacked
from robusthash_datasets.lists.published import Published
from robusthash_datasets.literature.sources import COLUMNS, HASHNET, by_hand
from robusthash_datasets.originals import Original
from robusthash_datasets.originals.imagenet import ImageNet

_DHTA = "github.com/jiawangbai/DHTA-master (folder data/imagenet)"
_IMAGENET = (
    "download the ILSVRC 2012 images from image-net.org (an account is needed), and put those in the lists into "
    "{folder}/image and {folder}/val_image"
)
_IMAGENET_TREE = (
    "download the ILSVRC 2012 images from image-net.org (an account is needed) and unpack them as imagenet/ILSVRC2012/"
    "train and val, with a folder per class"
)


@dataclass(frozen=True, kw_only=True)
class ImageNet100(Published):
    """100 classes of ImageNet (Russakovsky et al., IJCV 2015), in the splits of HashNet, which ProS-GAN uses too.

    The validation images of the classes are the queries; the train items are 130 of each class.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "database": 128503, "train": 13000, "classes": 100}
    released: ClassVar[Mapping[str, str]] = {
        "query": "1f55b4006227aab8",
        "database": "91c3230e3332ccea",
        "train": "6f1f2151632c66c3",
    }
    fetch: ClassVar[str] = by_hand(_IMAGENET, HASHNET, COLUMNS, "imagenet", name="imagenet100")
    original: ClassVar[Original | None] = ImageNet()
    recipe: ClassVar[Recipe | None] = HeldOut(train=130)

    title: str = "imagenet100"  #: name of the dataset in results
    folder: str = "imagenet"  #: folder of the lists, in --data-root
    strip: str = "./data/imagenet/"  #: prefix that is removed from the listed paths


@dataclass(frozen=True, kw_only=True)
class ImageNet100Dhta(Attacked):
    """100 classes of ImageNet in the lists of DHTA (Bai et al., ECCV 2020), only seven of which are HashNet's.

    The validation images of the classes are the queries, 100 of which DHTA attacks; the train items are 100 of each
    class. The list of its database was not released.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "train": 10000, "classes": 100, "attacked": 100}
    released: ClassVar[Mapping[str, str]] = {"query": "91c31ebd1e578ea4", "train": "748d5c9a5ae30002"}
    fetch: ClassVar[str] = by_hand(
        _IMAGENET_TREE,
        f"{_DHTA}, and a database.txt of your own in the same format,",
        "query.txt and train.txt",
        "imagenet/dhta",
        name="imagenet100/dhta",
    )
    original: ClassVar[Original | None] = ImageNet()
    recipe: ClassVar[Recipe | None] = HeldOut(train=100)

    title: str = "imagenet100/dhta"  #: name of the dataset in results
    folder: str = "imagenet/dhta"  #: folder of the lists, in --data-root
    query: str = "query"  #: stem of the queries' list files
    images: Path | None = Path("..")  #: root of the listed paths, relative to the folder of the lists
