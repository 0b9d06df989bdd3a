"""The images and labels in the files of attacks on cross-modal hashing (TA-DCH, EQB2A, FPAD), in their splits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robusthash_datasets.mat.dataset import Described, MatSet

_TA_DCH = "github.com/tswang0116/TA-DCH"
_EQB2A = "github.com/tswang0116/EQB2A"
_FPAD = "github.com/yzq131/FPAD"


def _known(query: int, database: int, train: int, *, classes: int, tags: int) -> Mapping[str, int]:
    return {"query": query, "database": database, "train": train, "classes": classes, "tags": tags}


def _by_hand(file: str, source: str) -> str:
    return f"download {file} as described at {source}, and put it in --data-root"


@dataclass(frozen=True, kw_only=True)
class Flickr25kMat(MatSet):
    """MIRFLICKR-25K, the 20,015 images with a frequent tag, 24 labels, in the splits of TA-DCH, EQB2A and FPAD."""

    known: ClassVar[Mapping[str, int]] = _known(2000, 18015, 5000, classes=24, tags=1386)
    fetch: ClassVar[str] = _by_hand("FLICKR-25K.mat", _EQB2A)

    title: str = "flickr25k/ta-dch"  #: name of the dataset in results
    file: Path = Path("FLICKR-25K.mat")  #: the file, in --data-root


@dataclass(frozen=True, kw_only=True)
class NusWide21Mat(MatSet):
    """NUS-WIDE, the 195,834 images with one of 21 concepts, in the splits of TA-DCH, EQB2A and FPAD."""

    known: ClassVar[Mapping[str, int]] = _known(2100, 193734, 10500, classes=21, tags=1000)
    fetch: ClassVar[str] = _by_hand("NUS-WIDE.mat", _EQB2A)

    title: str = "nuswide21/ta-dch"  #: name of the dataset in results
    file: Path = Path("NUS-WIDE.mat")  #: the file, in --data-root


@dataclass(frozen=True, kw_only=True)
class MsCocoMat(MatSet):
    """MS-COCO with 80 categories and BERT's text features, in the splits of TA-DCH and EQB2A."""

    known: ClassVar[Mapping[str, int]] = _known(2000, 121287, 10000, classes=80, tags=1024)
    fetch: ClassVar[str] = _by_hand("MS-COCO.mat", _EQB2A)
    described: ClassVar[Described] = "signed features"

    title: str = "mscoco/ta-dch"  #: name of the dataset in results
    file: Path = Path("MS-COCO.mat")  #: the file, in --data-root


@dataclass(frozen=True, kw_only=True)
class MsCocoFpad(MatSet):
    """MS-COCO with 80 categories and a bag of 2,000 words, in the splits of FPAD: another file of the same name."""

    known: ClassVar[Mapping[str, int]] = _known(1024, 121287, 10000, classes=80, tags=2000)
    fetch: ClassVar[str] = _by_hand("MS-COCO.mat", _FPAD)

    title: str = "mscoco/fpad"  #: name of the dataset in results
    file: Path = Path("MS-COCO.mat")  #: the file, in --data-root


@dataclass(frozen=True, kw_only=True)
class IaprTc12Mat(MatSet):
    """IAPR TC-12 (Grubinger et al., 2006) with 255 concepts, in the splits of TA-DCH and EQB2A."""

    known: ClassVar[Mapping[str, int]] = _known(2000, 18000, 5000, classes=255, tags=1024)
    fetch: ClassVar[str] = _by_hand("IAPR-TC12.mat", _TA_DCH)
    described: ClassVar[Described] = "signed features"

    title: str = "iaprtc12/ta-dch"  #: name of the dataset in results
    file: Path = Path("IAPR-TC12.mat")  #: the file, in --data-root


@dataclass(frozen=True, kw_only=True)
class WikiMat(MatSet):
    """Wikipedia's featured articles (Rasiwasia et al., MM 2010) in ten categories, in the splits of TA-DCH and EQB2A.

    All items that are not queries are both train items and database.
    """

    known: ClassVar[Mapping[str, int]] = _known(693, 2173, 2173, classes=10, tags=10)
    fetch: ClassVar[str] = _by_hand("WIKIPEDIA.mat", _TA_DCH)
    described: ClassVar[Described] = "features"

    title: str = "wiki/ta-dch"  #: name of the dataset in results
    file: Path = Path("WIKIPEDIA.mat")  #: the file, in --data-root
