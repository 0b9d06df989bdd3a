"""PASCAL VOC 2012, in the splits of DeepHash-pytorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from robusthash_datasets.drawing.recipes import AtRandom, Recipe
from robusthash_datasets.lists.published import Published
from robusthash_datasets.literature.sources import COLUMNS, DEEPHASH, by_hand
from robusthash_datasets.originals import Original
from robusthash_datasets.originals.voc import Voc

_VOC = "download VOCtrainval_11-May-2012.tar from host.robots.ox.ac.uk/pascal/VOC/voc2012 and unpack it in voc2012"
_VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


@dataclass(frozen=True, kw_only=True)
class Voc2012(Published):
    """PASCAL VOC 2012 (Everingham et al.): its 11,540 train and val images, in the splits of DeepHash-pytorch.

    The train items are not in the database.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 1000, "database": 6540, "train": 4000, "classes": 20}
    released: ClassVar[Mapping[str, str]] = {
        "query": "2591a15bc11a4944",
        "database": "3e58bc8501ff2b2e",
        "train": "8ec7342687fbe914",
    }
    columns: ClassVar[tuple[str, ...]] = _VOC_CLASSES
    fetch: ClassVar[str] = by_hand(_VOC, DEEPHASH, COLUMNS, "voc2012", name="voc2012")
    original: ClassVar[Original | None] = Voc()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=1000, train=4000, disjoint=True)

    title: str = "voc2012"  #: name of the dataset in results
    folder: str = "voc2012"  #: folder of the lists, in --data-root
