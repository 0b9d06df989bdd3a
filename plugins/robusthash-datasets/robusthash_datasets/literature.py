"""The multi-label datasets of the deep hashing literature, in the splits of each paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robusthash_datasets.attacked import Attacked
from robusthash_datasets.mat.torchcmh import TorchCmh
from robusthash_datasets.originals import Original
from robusthash_datasets.originals.coco import Coco
from robusthash_datasets.originals.imagenet import ImageNet
from robusthash_datasets.originals.mirflickr import MirFlickr
from robusthash_datasets.originals.nuswide import NusWide
from robusthash_datasets.originals.voc import Voc
from robusthash_datasets.published import Published
from robusthash_datasets.recipes import AtRandom, Greedy, HeldOut, PerClass, Recipe

_PAIRS = "{train,test,database}_{img,label}.txt"
_COLUMNS = "{train,test,database}.txt"
_PROSGAN = "github.com/xunguangwang/ProS-GAN (folder data)"
_DEEPHASH = "github.com/swuxyj/DeepHash-pytorch (folder data)"
_HASHNET = "github.com/thuml/HashNet (folder data of its caffe part)"
_DHTA = "github.com/jiawangbai/DHTA-master (folder data/imagenet)"
_TORCHCMH = "github.com/WangGodder/deep-cross-modal-hashing (see its folder torchcmh/dataset)"
_DRAW = "or draw lists from the original: robusthash data prepare {name} --source DIR --data-root DIR"

_MIRFLICKR = "download mirflickr25k.zip from press.liacs.nl/mirflickr and unpack it as FLICKR-25K/mirflickr"
_NUSWIDE = "download the images listed on the NUS-WIDE page (lms.comp.nus.edu.sg) into {folder}/images"
_NUSWIDE_M = (
    "download NUS-WIDE-m, copies of NUS-WIDE's images (lms.comp.nus.edu.sg) linked at github.com/thuml/HashNet, into "
    "nuswide_81/images"
)
_COCO = "download train2014.zip and val2014.zip from cocodataset.org and unpack them in {folder}"
_IMAGENET = (
    "download the ILSVRC 2012 images from image-net.org (an account is needed), and put those in the lists into "
    "{folder}/image and {folder}/val_image"
)
_IMAGENET_TREE = (
    "download the ILSVRC 2012 images from image-net.org (an account is needed) and unpack them as imagenet/ILSVRC2012/"
    "train and val, with a folder per class"
)
_VOC = "download VOCtrainval_11-May-2012.tar from host.robots.ox.ac.uk/pascal/VOC/voc2012 and unpack it in voc2012"

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
_VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def _by_hand(images: str, lists: str, files: str, folder: str, *, name: str | None = None) -> str:
    text = f"{images.format(folder=folder)}; put {files} of {lists} in {folder}, all under --data-root"
    return text if name is None else f"{text}; {_DRAW.format(name=name)}"


def _by_drawing(images: str, annotations: str, folder: str, name: str) -> str:
    draw = f"robusthash data prepare {name} --source DIR --data-root DIR"
    text = f"{images.format(folder=folder)} under --data-root; download {annotations}"
    return f"{text}, and draw the lists into {folder} with {draw}"


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
    fetch: ClassVar[str] = _by_hand(_MIRFLICKR, _PROSGAN, _PAIRS, "FLICKR-25K", name="flickr25k")
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
    fetch: ClassVar[str] = _by_hand(_MIRFLICKR, _DEEPHASH, _COLUMNS, "FLICKR-25K/deephash", name="flickr25k/deephash")
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
    fetch: ClassVar[str] = _by_drawing(
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
    fetch: ClassVar[str] = _by_drawing(
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
    fetch: ClassVar[str] = _by_hand(_MIRFLICKR, _TORCHCMH, "imgList.mat and labelList.mat", "FLICKR-25K/torchcmh")

    title: str = "flickr25k/torchcmh"  #: name of the dataset in results
    folder: str = "FLICKR-25K/torchcmh"  #: folder of the lists, in --data-root
    images: Path | None = Path("../mirflickr")  #: root of the listed paths, relative to the folder of the lists


@dataclass(frozen=True, kw_only=True)
class NusWide21(Published):
    """NUS-WIDE (Chua et al., CIVR 2009): 195,834 images with one of the 21 commonest concepts, split of ProS-GAN."""

    known: ClassVar[Mapping[str, int]] = {"query": 2100, "database": 193734, "train": 10500, "classes": 21}
    released: ClassVar[Mapping[str, str]] = {"query": "c7a6a20d9e0e8db3", "train": "fd441f776c43a888"}
    fetch: ClassVar[str] = _by_hand(_NUSWIDE, _PROSGAN, _PAIRS, "NUS-WIDE", name="nuswide21")
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
    fetch: ClassVar[str] = _by_hand(
        _NUSWIDE.replace("{folder}", "NUS-WIDE"), _DEEPHASH, _COLUMNS, "NUS-WIDE/deephash", name="nuswide21/deephash"
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
    fetch: ClassVar[str] = _by_hand(_NUSWIDE_M, f"nuswide_21_m of {_DEEPHASH}", _COLUMNS, "nuswide_21_m")

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
    fetch: ClassVar[str] = _by_hand(_NUSWIDE, _HASHNET, _COLUMNS, "nuswide_81", name="nuswide81")
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
    fetch: ClassVar[str] = _by_drawing(
        _NUSWIDE.replace("{folder}", "NUS-WIDE"), "its ImageList and Groundtruth", "NUS-WIDE/rnm", "nuswide81/rnm"
    )
    original: ClassVar[Original | None] = NusWide(unlabelled=True)
    recipe: ClassVar[Recipe | None] = AtRandom(queries=500, train=None)
    listed: ClassVar[str] = "images/"

    title: str = "nuswide81/rnm"  #: name of the dataset in results
    folder: str = "NUS-WIDE/rnm"  #: folder of the lists, in --data-root
    images: Path | None = Path("..")  #: root of the listed paths, relative to the folder of the lists


@dataclass(frozen=True, kw_only=True)
class MsCoco(Published):
    """MS-COCO 2014 (Lin et al., ECCV 2014): the 122,218 images of train2014 and val2014 with a category.

    The splits are those of ProS-GAN. Its queries and train items are HashNet's, in another order.
    """

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "database": 117218, "train": 10000, "classes": 80}
    released: ClassVar[Mapping[str, str]] = {"query": "9240e032161c1895", "train": "04cfe54e59a99acf"}
    fetch: ClassVar[str] = _by_hand(_COCO, _PROSGAN, _PAIRS, "MS-COCO", name="mscoco")
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
    fetch: ClassVar[str] = _by_hand(_COCO, _HASHNET, _COLUMNS, "coco")

    title: str = "mscoco/hashnet"  #: name of the dataset in results
    folder: str = "coco"  #: folder of the lists, in --data-root
    strip: str = "./data/coco/"  #: prefix that is removed from the listed paths


@dataclass(frozen=True, kw_only=True)
class MsCocoDeepHash(Published):
    """MS-COCO 2014 in the splits of DeepHash-pytorch: the sizes of HashNet's, with other items."""

    known: ClassVar[Mapping[str, int]] = {"query": 5000, "train": 10000, "classes": 80}
    released: ClassVar[Mapping[str, str]] = {"query": "764f736862ad4d33", "train": "3b4e97f9b71205d2"}
    fetch: ClassVar[str] = _by_hand(
        _COCO.replace("{folder}", "MS-COCO"), _DEEPHASH, _COLUMNS, "MS-COCO/deephash", name="mscoco/deephash"
    )
    original: ClassVar[Original | None] = Coco()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=5000, train=10000)

    title: str = "mscoco/deephash"  #: name of the dataset in results
    folder: str = "MS-COCO/deephash"  #: folder of the lists, in --data-root
    images: Path | None = Path("..")  #: root of the listed paths, relative to the folder of the lists


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
    fetch: ClassVar[str] = _by_hand(_IMAGENET, _HASHNET, _COLUMNS, "imagenet", name="imagenet100")
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
    fetch: ClassVar[str] = _by_hand(
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
    fetch: ClassVar[str] = _by_hand(_VOC, _DEEPHASH, _COLUMNS, "voc2012", name="voc2012")
    original: ClassVar[Original | None] = Voc()
    recipe: ClassVar[Recipe | None] = AtRandom(queries=1000, train=4000, disjoint=True)

    title: str = "voc2012"  #: name of the dataset in results
    folder: str = "voc2012"  #: folder of the lists, in --data-root
