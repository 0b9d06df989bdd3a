"""The user's own photographs with captions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from robusthash.contracts import (
    IMAGE,
    TEXT,
    Dataset,
    DatasetContext,
    FileImages,
    Inputs,
    RetrievalData,
    Split,
)
from robusthash.errors import DatasetError, OptionError
from robusthash_crossmodal.data.bags import Words, bags_of
from robusthash_crossmodal.data.captioned.annotations import read_coco, read_karpathy
from robusthash_crossmodal.data.captioned.beside import read_beside
from robusthash_crossmodal.data.captioned.content import PICTURE, Content, Item
from robusthash_crossmodal.data.captioned.lists import read_lists
from robusthash_crossmodal.data.captioned.tables import read_table, read_tokens

_READERS = (read_table, read_coco, read_karpathy, read_tokens, read_beside)  #: after the lists; the first that fits


@dataclass(frozen=True, kw_only=True)
class Captioned(Dataset):
    """Images, captions and labels under ``--data-root``, in the first layout that fits (docs/datasets/captioned.md)."""

    title: str = "captioned"  #: name of the dataset in results
    prefix: str = "cm_"  #: before the names of list files
    size: int = 224  #: height and width of the images, in pixels
    resize: int | None = None  #: length of the shorter side before the crop; none is 256 for 224, and in proportion
    captions: int | None = None  #: captions of an image that are joined to its text; none is all
    least: int = 5  #: least number of train items that have a word of the vocabulary
    most: int | None = None  #: largest vocabulary: its most frequent words; none is all
    stop_words: bool = True  #: leave out English words without meaning of their own
    concepts: int | None = None  #: of a layout without labels, its most frequent words, so many, are taken for labels
    query_share: float = 0.1  #: share of the items that are queries, if the layout has no splits
    seed: int = 0  #: of the draw, if the layout has no splits

    def __post_init__(self) -> None:
        if not self.title or self.size < 1:
            raise OptionError(f"title={self.title!r}, size={self.size}", hint="a short name, and at least 1")
        counts = [count for count in (self.captions, self.concepts) if count is not None]
        if min(counts, default=1) < 1 or not 0 < self.query_share < 1:
            raise OptionError(
                f"captions={self.captions}, concepts={self.concepts}, query_share={self.query_share}",
                hint="at least 1, or none; a share between 0 and 1",
            )

    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images are read on demand.

        Raises:
            DatasetError: no layout fits, its files do not belong together, or it has no labels.
        """
        if context.root is None:
            raise DatasetError("the folder of the captions is not known", hint=f"give --data-root, with {PICTURE}")
        root = context.root
        content = self._whole(self._content(root))
        captions = {name: [self._text(item) for item in items] for name, items in content.splits.items()}
        words = Words(least=self.least, most=self.most, stop_words=self.stop_words)
        bags = bags_of(captions, words, context.cache, where=str(content.where))
        classes, labels = self._labels(content, bags)
        size = context.image_size or self.size

        def split(name: str) -> Split:
            names = [item.image for item in content.splits[name]]
            images = FileImages(root, names, size=size, resize=self.resize if size == self.size else None)
            return Split(name=name, views={IMAGE: images, TEXT: bags[name]}, labels=labels[name], ids=tuple(names))

        return RetrievalData(
            name=self.title,
            classes=classes,
            query=split("query"),
            database=split("database"),
            train=split("train"),
        )

    def _content(self, root: Path) -> Content:
        found = read_lists(root, self.prefix) or next(filter(None, (read(root) for read in _READERS)), None)
        if found is None:
            raise DatasetError(f"no captions in {root}", hint=PICTURE)
        return found

    def _whole(self, content: Content) -> Content:
        """With all splits: drawn if there are none; the database is the train split, and the reverse."""
        splits = {name: items for name, items in content.splits.items() if items}
        if set(splits) == {""}:
            order = sorted(splits[""], key=lambda item: sha256(f"{self.seed} {item.image}".encode()).digest())
            count = max(1, round(self.query_share * len(order)))
            queries = {item.image for item in order[:count]}
            splits = {
                "query": tuple(item for item in splits[""] if item.image in queries),
                "database": tuple(item for item in splits[""] if item.image not in queries),
            }
        others = splits.get("database") or splits.get("train") or ()
        whole = {"query": splits.get("query", ()), "database": others, "train": splits.get("train", others)}
        for name, items in whole.items():
            if not items:
                raise DatasetError(f"{content.where} has no {name} items", hint=PICTURE)
        return replace(content, splits=whole)

    def _text(self, item: Item) -> str:
        return " ".join(item.captions[: self.captions])

    def _labels(self, content: Content, bags: Mapping[str, Inputs]) -> tuple[tuple[str, ...], dict[str, Tensor]]:
        items = [item for found in content.splits.values() for item in found]
        if all(item.labels is None for item in items):
            return self._concepts(content, bags)
        without = next((item for item in items if item.labels is None), None)
        if without is not None:
            raise DatasetError(f"{content.where}: {without.image} has no labels, and others have", hint=PICTURE)
        classes = content.classes or tuple(sorted({name for item in items for name in item.labels or ()}))
        if not classes:
            raise DatasetError(f"{content.where}: no item has a label", hint=PICTURE)
        return classes, {name: _multi_hot(found, classes) for name, found in content.splits.items()}

    def _concepts(self, content: Content, bags: Mapping[str, Inputs]) -> tuple[tuple[str, ...], dict[str, Tensor]]:
        """The most frequent words of the train split as labels: a text then knows more of them than its image does."""
        if self.concepts is None:
            raise DatasetError(
                f"{content.where} has captions without labels, and retrieval needs labels",
                hint="add them (in captions.csv, a column labels with dog;grass), or -o captioned.concepts=24 takes "
                "the 24 most frequent words for labels",
            )
        vocabulary = bags["train"].vocabulary or ()
        whole = {name: bag.inputs(range(len(bag))) for name, bag in bags.items()}
        counts = Counter(dict(zip(vocabulary, whole["train"].sum(0).tolist(), strict=True)))
        classes = tuple(sorted(word for word, _ in counts.most_common(self.concepts)))
        columns = [vocabulary.index(word) for word in classes]
        return classes, {name: bag[:, columns].to(torch.uint8) for name, bag in whole.items()}


def _multi_hot(items: Sequence[Item], classes: Sequence[str]) -> Tensor:
    number = {name: column for column, name in enumerate(classes)}
    found = torch.zeros(len(items), len(classes), dtype=torch.uint8)
    for row, item in enumerate(items):
        found[row, [number[name] for name in item.labels or ()]] = 1
    return found
