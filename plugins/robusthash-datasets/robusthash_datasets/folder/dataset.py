"""The user's own images: class folders, tables or arrays, in the layouts that people have them in."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from robusthash.contracts import DatasetContext, FileImages, Finding, Findings, Images, RetrievalData, Split
from robusthash.errors import DatasetError, OptionError, RobustHashNote
from robusthash_datasets.drawing.draws import stratified
from robusthash_datasets.folder.content import SPLITS, Content, Item
from robusthash_datasets.folder.reading import read_content
from robusthash_datasets.folder.sketches import EXPECTED
from robusthash_datasets.folder.table import Naming
from robusthash_datasets.images.fromfiles import FromFiles
from robusthash_datasets.images.memory import fitted

_SIZE = 224  #: pixels that files are resized to, if nobody says otherwise
_SMALL = 64  #: pixels; up to this size the small network is suggested


@dataclass(frozen=True, kw_only=True)
class Folder(FromFiles):
    """The images under ``--data-root``, in one of several layouts.

    1. A table ``labels.csv``, or of another name if it is the only one, as CSV or Parquet; or one for each split.
    2. ``query/CLASS/*``, ``database/CLASS/*`` and ``train/CLASS/*``; without the last, the database is the train split.
       Or ``train/CLASS/*`` with ``val`` or ``test`` or both, which are the queries; what is trained on is the database.
    3. ``CLASS/*``.
    4. Arrays of images and labels, as an npz archive or as npy files.

    If the layout has no splits, they are drawn: ``query_share`` of each class's images are queries, the others
    are the database, and ``train_share`` of the database is also the train split. The draw depends only on paths,
    classes and ``seed``. A layout that can be read in two ways is refused.
    """

    title: str = "folder"  #: name of the dataset in results
    size: int | None = None  #: height and width of the images, in pixels; none is 224 for files, and that of arrays
    resize: int | None = None  #: length of the shorter side before the crop; none is 256 for 224, and in proportion
    query_share: float = 0.1  #: share of the images that are queries, if the layout has no splits
    train_share: float = 0.5  #: share of the database that is the train split, if the layout has no splits
    seed: int = 0  #: of the draw, if the layout has no splits
    depth: int | None = None  #: level of the folders that name classes, from 1; none refuses what is ambiguous
    path_column: str = ""  #: a table's column of paths; empty looks for path, file, image and the like
    label_column: str = ""  #: a table's column of labels; empty looks for labels, class, category and the like
    separator: str | None = None  #: between the labels of an image in a table; none is ; or |
    outside: bool = False  #: whether paths in a table may leave its folder: absolute ones, and those with ..

    def __post_init__(self) -> None:
        if not self.title:
            raise OptionError("the title is empty", hint="a short name for results")
        for name in ("query_share", "train_share"):
            if not 0 < getattr(self, name) <= 1:
                raise OptionError(f"{name}={getattr(self, name)}", hint="above 0, at most 1")
        if self.depth is not None and self.depth < 1:
            raise OptionError(f"depth={self.depth}", hint="at least 1")
        if self.separator == "":
            raise OptionError("the separator is empty", hint="a character such as ; or none")

    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images are read on demand.

        Raises:
            DatasetError: no images are found, a split would be empty, or the table has a bad line.
        """
        root = _root(context)
        content = self._read(root)
        if content.faults and not self.skip_broken:
            first = content.faults[0]
            raise DatasetError(f"{first.where}: {first.what}", hint="robusthash data verify lists all bad lines")
        return self.finished(self._data(root, content, context.image_size), context, left_out=len(content.faults))

    def verify(self, context: DatasetContext) -> list[Finding]:
        """Checks the table's lines."""
        root = _root(context)
        content = self._read(root)
        found = Findings()
        for fault in content.faults:
            found.add(
                "warning" if self.skip_broken else "error", str(root), fault.kind, where=fault.where, what=fault.what
            )
        if content.faults and self.skip_broken:
            found.left_out(str(root), len(content.faults), "bad line")
        if not (self.skip_broken or content.faults) or not all(self._splits(content).values()):
            return found.all()  # the host reads the images, or there are none
        return found.all() + self.broken(self._data(root, content, context.image_size), context)

    def _read(self, root: Path) -> Content:
        naming = Naming(path=self.path_column, label=self.label_column, separator=self.separator)
        content = read_content(root, naming, self.depth)
        if content.notes:
            warnings.warn(f"{root}: {'. '.join(content.notes)}", RobustHashNote, stacklevel=2)
        return content

    def _data(self, root: Path, content: Content, image_size: int | None) -> RetrievalData:
        splits = {}
        for name, items in self._splits(content).items():
            if not items:
                raise DatasetError(f"no image in the {name} split of {root}", hint="add some", sketch=EXPECTED)
            labels = torch.zeros((len(items), len(content.classes)), dtype=torch.uint8)
            for row, item in enumerate(items):
                labels[row, list(item.labels)] = 1
            images = self._images(root, content, items, image_size)
            splits[name] = Split.of_images(
                name=name, images=images, labels=labels, ids=tuple(item.name for item in items)
            )
        return RetrievalData(
            name=self.title,
            classes=content.classes,
            query=splits["query"],
            database=splits["database"],
            train=splits["train"],
            backbone="small-cnn" if max(splits["query"].images.size) <= _SMALL else "resnet18",
        )

    def _images(self, root: Path, content: Content, items: Sequence[Item], image_size: int | None) -> Images:
        if content.pixels is not None:
            return fitted(content.pixels[[item.row for item in items]], image_size or self.size)
        own = self.size or _SIZE
        places = [item.place for item in items if item.place is not None]
        return FileImages(
            root.parent if root.is_file() else root,
            [item.name for item in items],
            size=image_size or own,
            resize=self.resize if image_size in {None, own} else None,
            outside=self.outside,
            origin=places.__getitem__ if places else None,
            keeps=self.resize is None,
        )

    def _splits(self, content: Content) -> Mapping[str, list[Item]]:
        if content.items and content.items[0].split is not None:
            named = {name: [item for item in content.items if item.split == name] for name in SPLITS}
            return named if named["train"] else named | {"train": named["database"]}
        items = sorted(content.items, key=lambda item: item.name)
        query = set(_share(items, self.query_share, f"query {self.seed}"))
        database = [item for position, item in enumerate(items) if position not in query]
        train = _share(database, self.train_share, f"train {self.seed}")
        return {
            "query": [items[position] for position in sorted(query)],
            "database": database,
            "train": [database[position] for position in train],
        }


def _share(items: list[Item], share: float, key: str) -> list[int]:
    """Positions of a share of the items, at least one; items are stratified by their first label."""
    groups = [item.labels[0] if item.labels else -1 for item in items]
    return stratified(groups, min(len(items), max(1, round(len(items) * share))), f"robusthash folder {key}")


def _root(context: DatasetContext) -> Path:
    if context.root is None:
        raise DatasetError("the folder of the images is not known", hint="give --data-root", sketch=EXPECTED)
    return context.root
