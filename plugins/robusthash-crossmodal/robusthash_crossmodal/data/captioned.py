"""The user's own photographs with captions: list files of images, captions and labels, one line an item."""

from dataclasses import dataclass
from pathlib import Path

import torch

from robusthash.contracts import IMAGE, TEXT, Dataset, DatasetContext, FileImages, RetrievalData, Split
from robusthash.errors import DatasetError, OptionError
from robusthash.files.opening import read_file, there
from robusthash_crossmodal.data.bags import Words, bags_of

_SPLITS = {"query": ("query", "test"), "database": ("database",), "train": ("train",)}  #: names in files, any of them
_HINT = (
    "for each of query (or test), database and train: NAME_imgs.txt with a path on each line, NAME_txts.txt with a "
    "caption, NAME_labels.txt with zeros and ones"
)


@dataclass(frozen=True, kw_only=True)
class Captioned(Dataset):
    """Images, captions and labels in text files under ``--data-root``, as BadCM publishes them.

    ``cm_test_imgs.txt`` has the path of an image on each line, relative to ``--data-root``, ``cm_test_txts.txt`` the
    caption of the item on the same line, and ``cm_test_labels.txt`` its labels, zeros and ones. So for ``database`` and
    ``train``; without the latter, the database is the train split.
    """

    title: str = "captioned"  #: name of the dataset in results
    prefix: str = "cm_"  #: before the names of the files
    size: int = 224  #: height and width of the images, in pixels
    resize: int | None = None  #: length of the shorter side before the crop; none is 256 for 224, and in proportion
    least: int = 5  #: least number of train items that have a word of the vocabulary
    most: int | None = None  #: largest vocabulary: its most frequent words; none is all
    stop_words: bool = True  #: leave out English words without meaning of their own

    def __post_init__(self) -> None:
        if not self.title or self.size < 1:
            raise OptionError(f"title={self.title!r}, size={self.size}", hint="a short name, and at least 1")

    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images are read on demand.

        Raises:
            DatasetError: a file is missing, or their lines do not belong together.
        """
        if context.root is None:
            raise DatasetError("the folder of the captions is not known", hint=f"give --data-root; {_HINT}")
        root = context.root
        content = {name: self._lines(root, names) for name, names in _SPLITS.items()}
        found = {name: lines for name, lines in content.items() if lines is not None}
        for name in ("query", "database"):
            if name not in found:
                raise DatasetError(f"no {self.prefix}{_SPLITS[name][-1]}_imgs.txt in {root}", hint=_HINT)
        found.setdefault("train", found["database"])
        words = Words(least=self.least, most=self.most, stop_words=self.stop_words)
        bags = bags_of({name: lines.captions for name, lines in found.items()}, words, context.cache, where=str(root))
        width = max(lines.labels.shape[1] for lines in found.values())
        size = context.image_size or self.size

        def split(name: str) -> Split:
            lines = found[name]
            images = FileImages(root, lines.images, size=size, resize=self.resize if size == self.size else None)
            return Split(name=name, views={IMAGE: images, TEXT: bags[name]}, labels=lines.labels, ids=lines.images)

        return RetrievalData(
            name=self.title,
            classes=tuple(f"label {column}" for column in range(width)),
            query=split("query"),
            database=split("database"),
            train=split("train"),
        )

    def _lines(self, root: Path, names: tuple[str, ...]) -> "_Lines | None":
        name = next((one for one in names if there(root / f"{self.prefix}{one}_imgs.txt")), None)
        if name is None:
            return None
        places = [root / f"{self.prefix}{name}_{part}.txt" for part in ("imgs", "txts", "labels")]
        images, captions, rows = (_read(place) for place in places)
        if not len(images) == len(captions) == len(rows) or not images:
            raise DatasetError(
                f"{places[0]} has {len(images)} lines, {places[1].name} {len(captions)}, {places[2].name} {len(rows)}",
                hint="one line an item, in the same order",
            )
        labels = [_labels(row, places[2], line) for line, row in enumerate(rows, start=1)]
        odd = next((line for line, row in enumerate(labels, start=1) if len(row) != len(labels[0])), None)
        if odd is not None:
            raise DatasetError(
                f"{places[2]}:{odd}: {len(labels[odd - 1])} labels, and line 1 has {len(labels[0])}", hint=_HINT
            )
        return _Lines(images=tuple(images), captions=captions, labels=torch.tensor(labels, dtype=torch.uint8))


@dataclass(frozen=True, kw_only=True)
class _Lines:
    images: tuple[str, ...]
    captions: list[str]
    labels: torch.Tensor


def _read(file: Path) -> list[str]:
    try:
        return read_file(file).decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DatasetError(f"no {file}", hint=_HINT) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {file}: {error}", hint="save it as UTF-8 text") from error


def _labels(row: str, file: Path, line: int) -> list[int]:
    cells = row.replace(",", " ").split()
    wrong = [cell for cell in cells if cell not in {"0", "1"}] if cells else [row]
    if wrong:
        raise DatasetError(f"{file}:{line}: {wrong[0]!r} is neither 0 nor 1", hint=_HINT)
    return [int(cell) for cell in cells]
