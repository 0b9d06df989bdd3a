"""The datasets of this distribution. Importable without torch."""

from collections.abc import Iterator

from robusthash import hookimpl
from robusthash.specs import DatasetSpec

_CIFAR = "krizhevsky2009learning"


@hookimpl
def robusthash_datasets() -> Iterator[DatasetSpec]:
    """Digits, CIFAR-10, the multi-label datasets of the literature, and the user's own images."""
    yield DatasetSpec(
        name="digits",
        factory="robusthash_datasets.digits:Digits",
        summary="1,797 handwritten digits of scikit-learn: 300 queries, 1,497 in the database, 1,000 for training",
        paper="alpaydin1998optical",
    )
    yield DatasetSpec(
        name="pairs-digits",
        factory="robusthash_datasets.digits:Digits",
        options={"texts": True},
        summary="Digits with bags of 96 words, made from their strokes and labels: for cross-modal models, offline",
        paper="alpaydin1998optical",
    )
    yield from _cifar()
    yield from _literature()
    yield DatasetSpec(
        name="lists",
        factory="robusthash_datasets.lists:Lists",
        summary="List files in the format of published code, and their images, under --data-root",
    )
    yield DatasetSpec(
        name="folder",
        factory="robusthash_datasets.folder:Folder",
        summary="Your own images under --data-root: class folders, ImageFolder splits, tables, arrays",
    )


def _cifar() -> Iterator[DatasetSpec]:
    counts = {
        "cifar10": "1,000 queries, 54,000 in the database, 5,000 others for training",
        "cifar10-1": "1,000 queries, 59,000 in the database, 5,000 of them for training",
        "cifar10-2": "10,000 queries, 50,000 in the database, all of them for training",
    }
    for name, text in counts.items():
        yield DatasetSpec(
            name=name,
            factory="robusthash_datasets.cifar:Cifar10",
            options={"protocol": name},
            summary=f"CIFAR-10, downloaded if missing: {text}",
            paper=_CIFAR,
        )


#: name, class in :mod:`robusthash_datasets.literature`, summary, paper.
_LITERATURE = (
    (
        "flickr25k",
        "Flickr25k",
        "MIRFLICKR-25K, 38 labels, split of ProS-GAN: query/database/train 1,700/23,300/5,000",
        "huiskes2008mir",
    ),
    ("flickr25k/prosgan", "Flickr25k", "Alias of flickr25k, the split of ProS-GAN", "wang2021prototype"),
    (
        "flickr25k/deephash",
        "Flickr25kDeepHash",
        "MIRFLICKR-25K, 38 labels, split of DeepHash-pytorch: query/database/train 1,000/20,000/4,000, disjoint",
        "huiskes2008mir",
    ),
    (
        "flickr25k/rnm",
        "Flickr25kRnm",
        "MIRFLICKR-25K, 38 labels, split of RNM: 500 queries, 24,500 others",
        "huang2022fast",
    ),
    (
        "flickr25k/crossmodal",
        "Flickr25kCrossModal",
        "MIRFLICKR-25K, 24 labels, split of the cross-modal literature: query/database/train 2,000/18,015/5,000",
        "huiskes2008mir",
    ),
    (
        "flickr25k/torchcmh",
        "Flickr25kTorchCmh",
        "MIRFLICKR-25K, 24 labels, split of torchcmh: query/database/train 2,000/18,015/10,000",
        "huiskes2008mir",
    ),
    (
        "nuswide21",
        "NusWide21",
        "NUS-WIDE, 21 concepts, split of ProS-GAN: query/database/train 2,100/193,734/10,500",
        "chua2009nus",
    ),
    ("nuswide21/prosgan", "NusWide21", "Alias of nuswide21, the split of ProS-GAN", "wang2021prototype"),
    (
        "nuswide21/deephash",
        "NusWide21DeepHash",
        "NUS-WIDE, 21 concepts, split of DeepHash-pytorch: query/database/train 2,100/193,734/10,500",
        "chua2009nus",
    ),
    (
        "nuswide21/m",
        "NusWide21M",
        "NUS-WIDE-m, 21 concepts, split of CSQ and DeepHash-pytorch: 2,100 queries, 10,500 train items",
        "chua2009nus",
    ),
    (
        "nuswide81",
        "NusWide81",
        "NUS-WIDE, 81 concepts, split of HashNet: 5,000 queries, 10,000 train items",
        "cao2017hashnet",
    ),
    (
        "nuswide81/rnm",
        "NusWide81Rnm",
        "NUS-WIDE, 81 concepts, split of RNM: 500 queries, 269,148 others",
        "huang2022fast",
    ),
    (
        "mscoco",
        "MsCoco",
        "MS-COCO 2014, 80 categories, split of ProS-GAN: query/database/train 5,000/117,218/10,000",
        "lin2014microsoft",
    ),
    ("mscoco/prosgan", "MsCoco", "Alias of mscoco, the split of ProS-GAN", "wang2021prototype"),
    (
        "mscoco/hashnet",
        "MsCocoHashNet",
        "MS-COCO 2014, lists of HashNet: query/database/train 5,000/112,218/10,000, queries in the database",
        "cao2017hashnet",
    ),
    (
        "mscoco/deephash",
        "MsCocoDeepHash",
        "MS-COCO 2014, split of DeepHash-pytorch: 5,000 queries, 10,000 train items",
        "lin2014microsoft",
    ),
    (
        "imagenet100",
        "ImageNet100",
        "100 classes of ImageNet, split of HashNet: query/database/train 5,000/128,503/13,000",
        "russakovsky2015imagenet",
    ),
    (
        "imagenet100/dhta",
        "ImageNet100Dhta",
        "100 other classes of ImageNet, split of DHTA: 5,000 queries, 10,000 train items",
        "bai2020targeted",
    ),
    (
        "voc2012",
        "Voc2012",
        "PASCAL VOC 2012, split of DeepHash-pytorch: query/database/train 1,000/6,540/4,000, disjoint",
        "everingham2010pascal",
    ),
)

#: name, class in :mod:`robusthash_datasets.mat.crossmodal`, summary, paper.
_MAT: tuple[tuple[str, str, str, str | None], ...] = (
    (
        "flickr25k/ta-dch",
        "Flickr25kMat",
        "MIRFLICKR-25K, 24 labels, FLICKR-25K.mat of TA-DCH and EQB2A: query/database/train 2,000/18,015/5,000",
        "huiskes2008mir",
    ),
    ("flickr25k/fpad", "Flickr25kMat", "Alias of flickr25k/ta-dch, the split of FPAD", "huiskes2008mir"),
    (
        "nuswide21/ta-dch",
        "NusWide21Mat",
        "NUS-WIDE, 21 concepts, NUS-WIDE.mat of TA-DCH and EQB2A: query/database/train 2,100/193,734/10,500",
        "chua2009nus",
    ),
    ("nuswide21/fpad", "NusWide21Mat", "Alias of nuswide21/ta-dch, the split of FPAD", "chua2009nus"),
    (
        "mscoco/ta-dch",
        "MsCocoMat",
        "MS-COCO, 80 categories, MS-COCO.mat of TA-DCH and EQB2A: query/database/train 2,000/121,287/10,000",
        "lin2014microsoft",
    ),
    (
        "mscoco/fpad",
        "MsCocoFpad",
        "MS-COCO, 80 categories, MS-COCO.mat of FPAD: query/database/train 1,024/121,287/10,000",
        "lin2014microsoft",
    ),
    (
        "iaprtc12/ta-dch",
        "IaprTc12Mat",
        "IAPR TC-12, 255 concepts, IAPR-TC12.mat: query/database/train 2,000/18,000/5,000",
        None,
    ),
    ("wiki/ta-dch", "WikiMat", "Wikipedia, ten categories, WIKIPEDIA.mat: query/database/train 693/2,173/2,173", None),
)


#: name, class, summary, paper: the same files with their texts.
_PAIRS: tuple[tuple[str, str, str, str | None], ...] = (
    (
        "flickr25k/pairs",
        "Flickr25kMat",
        "MIRFLICKR-25K with 1,386 tags as texts, FLICKR-25K.mat of FPAD, TA-DCH and EQB2A",
        "huiskes2008mir",
    ),
    (
        "nuswide21/pairs",
        "NusWide21Mat",
        "NUS-WIDE, 21 concepts, with 1,000 tags as texts, NUS-WIDE.mat of FPAD, TA-DCH and EQB2A",
        "chua2009nus",
    ),
    (
        "mscoco/pairs",
        "MsCocoFpad",
        "MS-COCO with bags of 2,000 words as texts, MS-COCO.mat of FPAD",
        "lin2014microsoft",
    ),
    (
        "mscoco/bert",
        "MsCocoMat",
        "MS-COCO with BERT's features as texts, MS-COCO.mat of TA-DCH and EQB2A",
        "lin2014microsoft",
    ),
    ("iaprtc12/bert", "IaprTc12Mat", "IAPR TC-12 with BERT's features as texts, IAPR-TC12.mat", None),
    ("wiki/pairs", "WikiMat", "Wikipedia with ten topics as texts, WIKIPEDIA.mat", None),
)


def _literature() -> Iterator[DatasetSpec]:
    for name, cls, text, paper in _LITERATURE:
        factory = f"robusthash_datasets.literature:{cls}"
        yield DatasetSpec(name=name, factory=factory, summary=text, paper=paper)
    for name, cls, text, key in _MAT:
        factory = f"robusthash_datasets.mat.crossmodal:{cls}"
        yield DatasetSpec(name=name, factory=factory, summary=text, paper=key)
    for name, cls, text, key in _PAIRS:
        yield DatasetSpec(
            name=name,
            factory=f"robusthash_datasets.mat.crossmodal:{cls}",
            options={"title": name, "texts": True},
            summary=text,
            paper=key,
        )
    for name, options, text in (
        ("corel5k", {}, "260 words"),
        ("corel5k/themes", {"labels": "themes"}, "50 themes"),
        ("corel5k/pairs", {"labels": "themes", "texts": True}, "50 themes, with the words as texts"),
    ):
        yield DatasetSpec(
            name=name,
            factory="robusthash_datasets.corel:Corel5k",
            options=options,
            summary=f"Corel-5K, {text}: 499 queries, 4,500 others as database and for training",
            paper="duygulu2002object",
        )
