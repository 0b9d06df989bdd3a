"""List files of images, captions and labels, one line an item, as BadCM publishes them."""

from pathlib import Path

from robusthash.errors import DatasetError
from robusthash.files.opening import there
from robusthash_crossmodal.data.captioned.content import Content, Item, read_text

_SPLITS = {"query": ("query", "test"), "database": ("database",), "train": ("train",)}  #: names in files, any of them
_HINT = (
    "for each of query (or test), database and train: NAME_imgs.txt with a path on each line, NAME_txts.txt with a "
    "caption, NAME_labels.txt with zeros and ones"
)


def read_lists(root: Path, prefix: str) -> Content | None:
    """Three files a split, with a prefix before their names.

    Raises:
        DatasetError: a file is missing, or their lines do not belong together.
    """
    places = {
        split: [root / f"{prefix}{one}_{part}.txt" for part in ("imgs", "txts", "labels")]
        for split, names in _SPLITS.items()
        if (one := next((one for one in names if there(root / f"{prefix}{one}_imgs.txt")), None)) is not None
    }
    if not places:
        return None
    splits = {split: _items(*files) for split, files in places.items()}
    width = max(len(item.labels or ()) for items in splits.values() for item in items)
    names = tuple(f"label {column}" for column in range(width))
    return Content(
        where=root,
        classes=names,
        splits={
            split: tuple(
                Item(
                    image=item.image,
                    captions=item.captions,
                    labels=tuple(name for name, cell in zip(names, item.labels or (), strict=False) if cell == "1"),
                )
                for item in items
            )
            for split, items in splits.items()
        },
    )


def _items(images: Path, captions: Path, labels: Path) -> list[Item]:
    """The items of a split, their labels still zeros and ones."""
    names, texts, rows = (read_text(file, _HINT).splitlines() for file in (images, captions, labels))
    if not len(names) == len(texts) == len(rows) or not names:
        raise DatasetError(
            f"{images} has {len(names)} lines, {captions.name} {len(texts)}, {labels.name} {len(rows)}",
            hint="one line an item, in the same order",
        )
    cells = [_cells(row, labels, line) for line, row in enumerate(rows, start=1)]
    odd = next((line for line, row in enumerate(cells, start=1) if len(row) != len(cells[0])), None)
    if odd is not None:
        raise DatasetError(f"{labels}:{odd}: {len(cells[odd - 1])} labels, and line 1 has {len(cells[0])}", hint=_HINT)
    return [Item(image=name, captions=(text,), labels=row) for name, text, row in zip(names, texts, cells, strict=True)]


def _cells(row: str, file: Path, line: int) -> tuple[str, ...]:
    cells = row.replace(",", " ").split()
    wrong = [cell for cell in cells if cell not in {"0", "1"}] if cells else [row]
    if wrong:
        raise DatasetError(f"{file}:{line}: {wrong[0]!r} is neither 0 nor 1", hint=_HINT)
    return tuple(cells)
