"""The user's own images: a folder per class, or a table of labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from robusthash.contracts import DatasetContext, FileImages, Finding, Findings, RetrievalData, Split
from robusthash.errors import DatasetError, OptionError
from robusthash.files.opening import there
from robusthash_datasets.drawing.draws import stratified
from robusthash_datasets.folder.table import SPLITS, Table, read_table
from robusthash_datasets.images.fromfiles import FromFiles
from robusthash_datasets.lists.files import Fault

_TABLE = "labels.csv"
_KINDS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
_HINT = (
    "arrange it as query/CLASS/picture.jpg, database/CLASS/... and train/CLASS/..., or as CLASS/picture.jpg, or with a "
    f"table {_TABLE}"
)
_SMALL = 64  #: pixels; up to this size the small network is suggested


@dataclass(frozen=True, kw_only=True)
class _Item:
    path: str
    labels: tuple[int, ...]
    split: str | None  #: None: to be drawn
    line: int | None  #: in the table


@dataclass(frozen=True, kw_only=True)
class _Content:
    classes: tuple[str, ...]
    items: tuple[_Item, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Folder(FromFiles):
    """The images under ``--data-root``, in one of three layouts; the first that fits is used.

    1. ``labels.csv`` (see :mod:`robusthash_datasets.folder.table`), with paths relative to it;
    2. ``query/CLASS/*``, ``database/CLASS/*`` and ``train/CLASS/*``; without the last, the database is the train split;
    3. ``CLASS/*``.

    If the layout has no splits, they are drawn: ``query_share`` of each class's images are queries, the others
    are the database, and ``train_share`` of the database is also the train split. The draw depends only on paths,
    classes and ``seed``.
    """

    title: str = "folder"  #: name of the dataset in results
    size: int = 224  #: height and width of the images, in pixels
    resize: int | None = None  #: length of the shorter side before the crop; none is 256 for 224, and in proportion
    query_share: float = 0.1  #: share of the images that are queries, if the layout has no splits
    train_share: float = 0.5  #: share of the database that is the train split, if the layout has no splits
    seed: int = 0  #: of the draw, if the layout has no splits
    outside: bool = False  #: whether paths in labels.csv may leave the folder: absolute ones, and those with ..

    def __post_init__(self) -> None:
        if not self.title:
            raise OptionError("the title is empty", hint="a short name for results")
        for name in ("query_share", "train_share"):
            if not 0 < getattr(self, name) <= 1:
                raise OptionError(f"{name}={getattr(self, name)}", hint="above 0, at most 1")

    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images are read on demand.

        Raises:
            DatasetError: no images are found, a split would be empty, or the table has a bad line.
        """
        root = _root(context)
        content = _read(root)
        if content.faults and not self.skip_broken:
            first = content.faults[0]
            raise DatasetError(f"{first.where}: {first.what}", hint="robusthash data verify lists all bad lines")
        return self.finished(self._data(root, content, context.image_size), context, left_out=len(content.faults))

    def verify(self, context: DatasetContext) -> list[Finding]:
        """Checks the table's lines."""
        root = _root(context)
        content = _read(root)
        found = Findings()
        for fault in content.faults:
            found.add(
                "warning" if self.skip_broken else "error",
                str(root / _TABLE),
                fault.kind,
                where=fault.where,
                what=fault.what,
            )
        if content.faults and self.skip_broken:
            found.left_out(_TABLE, len(content.faults), "bad line")
        if not (self.skip_broken or content.faults) or not all(self._splits(content).values()):
            return found.all()  # the host reads the images, or there are none
        return found.all() + self.broken(self._data(root, content, context.image_size), context)

    def _data(self, root: Path, content: _Content, image_size: int | None) -> RetrievalData:
        size = image_size or self.size
        splits = {}
        for name, items in self._splits(content).items():
            if not items:
                raise DatasetError(f"no image in the {name} split of {root}", hint=_HINT)
            labels = torch.zeros((len(items), len(content.classes)), dtype=torch.uint8)
            for row, item in enumerate(items):
                labels[row, list(item.labels)] = 1
            images = FileImages(
                root,
                [item.path for item in items],
                size=size,
                resize=self.resize if size == self.size else None,
                outside=self.outside,
                origin=_origin(root, items),
            )
            splits[name] = Split.of_images(
                name=name, images=images, labels=labels, ids=tuple(item.path for item in items)
            )
        return RetrievalData(
            name=self.title,
            classes=content.classes,
            query=splits["query"],
            database=splits["database"],
            train=splits["train"],
            backbone="small-cnn" if size <= _SMALL else "resnet18",
        )

    def _splits(self, content: _Content) -> Mapping[str, list[_Item]]:
        if content.items and content.items[0].split is not None:
            named = {name: [item for item in content.items if item.split == name] for name in SPLITS}
            return named if named["train"] else named | {"train": named["database"]}
        items = sorted(content.items, key=lambda item: item.path)
        query = set(_share(items, self.query_share, f"query {self.seed}"))
        database = [item for position, item in enumerate(items) if position not in query]
        train = _share(database, self.train_share, f"train {self.seed}")
        return {
            "query": [items[position] for position in sorted(query)],
            "database": database,
            "train": [database[position] for position in train],
        }


def _share(items: list[_Item], share: float, key: str) -> list[int]:
    """Positions of a share of the items, at least one; items are stratified by their first label."""
    groups = [item.labels[0] if item.labels else -1 for item in items]
    return stratified(groups, min(len(items), max(1, round(len(items) * share))), f"robusthash folder {key}")


def _origin(root: Path, items: list[_Item]) -> "_Origin | None":
    lines = [item.line for item in items]
    return _Origin(root / _TABLE, lines) if any(line is not None for line in lines) else None


class _Origin:
    def __init__(self, table: Path, lines: list[int | None]) -> None:
        self._table = table
        self._lines = lines

    def __call__(self, position: int) -> str:
        return f"{self._table}:{self._lines[position]}"


def _root(context: DatasetContext) -> Path:
    if context.root is None:
        raise DatasetError("the folder of the images is not known", hint=f"give --data-root; {_HINT}")
    if not context.root.is_dir():
        raise DatasetError(f"no folder {context.root}", hint=_HINT)
    return context.root


def _read(root: Path) -> _Content:
    if there(root / _TABLE):
        return _from_table(read_table(root / _TABLE))
    if (root / "query").is_dir() and (root / "database").is_dir():
        places = {f"{split}/": split for split in SPLITS if (root / split).is_dir()}
        return _from_folders(root, places)
    return _from_folders(root, {"": None})


def _from_table(table: Table) -> _Content:
    splits = table.splits or (None,) * len(table.paths)
    rows = zip(table.paths, table.labels, splits, table.lines, strict=True)
    items = (_Item(path=path, labels=labels, split=split, line=line) for path, labels, split, line in rows)
    return _Content(classes=table.classes, items=tuple(items), faults=table.faults)


def _from_folders(root: Path, places: Mapping[str, str | None]) -> _Content:
    classes = sorted({folder.name for start in places for folder in _folders(root / start)})
    number = {name: i for i, name in enumerate(classes)}
    items = [
        _Item(path=picture.relative_to(root).as_posix(), labels=(number[folder.name],), split=split, line=None)
        for start, split in places.items()
        for folder in _folders(root / start)
        for picture in _pictures(folder)
    ]
    if not items:
        raise DatasetError(f"no images in {root}", hint=_HINT)
    return _Content(classes=tuple(classes), items=tuple(items))


def _folders(place: Path) -> list[Path]:
    return sorted(entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _pictures(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _KINDS and not path.name.startswith(".") and not path.is_dir():
            yield path
