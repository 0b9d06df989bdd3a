"""What is in a dataset, in numbers."""

from collections import Counter
from dataclasses import dataclass

from robusthash.contracts import IMAGE, FileImages, RetrievalData, Split


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """One split in numbers.

    Attributes:
        items: number of items.
        unlabelled: items without a label.
        labels: mean number of labels of an item.
        classes: classes that have an item.
        inputs: what a model is handed of an item, such as ``image 3x224x224``.
        sizes: smallest and largest width and height of the image files, in pixels; None if they are not files.
        duplicates: items with the pixels of an earlier one in the split.
        in_database: items with the pixels of a database item, under any id; None for the database itself.
        unreadable: items that cannot be read.
    """

    items: int
    unlabelled: int
    labels: float
    classes: int
    inputs: str
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None
    duplicates: int = 0
    in_database: int | None = None
    unreadable: int = 0


@dataclass(frozen=True, kw_only=True)
class DataCounts:
    """A dataset in numbers.

    Attributes:
        classes: number of label columns.
        splits: by name.
        smallest_class: items of the database with its rarest label.
        largest_class: items of the database with its commonest label.
        nothing_to_find: queries that share no label with any database item.
        only_own_targets: queries that share a label with every label vector of the database, so that a targeted attack
            has no other target.
    """

    classes: int
    splits: dict[str, SplitCounts]
    smallest_class: int
    largest_class: int
    nothing_to_find: int
    only_own_targets: int


def plain_counts(split: Split) -> SplitCounts:
    """The counts that need no pixels.

    Args:
        split: the items.
    """
    per_item = split.labels.sum(1)
    shown = [f"{name} {'x'.join(map(str, view.modality.shape))}" for name, view in sorted(split.views.items())]
    return SplitCounts(
        items=len(split),
        unlabelled=int((per_item == 0).sum()),
        labels=float(per_item.float().mean()) if len(split) else 0.0,
        classes=int(split.labels.any(0).sum()),
        inputs=", ".join(shown),
    )


def file_sizes(split: Split) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Smallest and largest width, and height, of a split's image files: ((least, most), (least, most)).

    Only the head of each file is read; files that cannot be read are left out.

    Args:
        split: the items.
    """
    images = split.views.get(IMAGE)
    images = getattr(images, "files", images)
    if not isinstance(images, FileImages):
        return None
    found = [size for position in range(len(images)) if (size := images.file_size(position)) is not None]
    if not found:
        return None
    widths, heights = zip(*found, strict=True)
    return (min(widths), max(widths)), (min(heights), max(heights))


def repeated(digests: list[bytes]) -> int:
    """Number of items whose digest an earlier one has; items without a digest do not count."""
    return sum(count - 1 for digest, count in Counter(digests).items() if digest)


def class_range(data: RetrievalData) -> tuple[int, int]:
    """Database items of its rarest and of its commonest label, among those that it has."""
    totals = data.database.labels.sum(0)
    totals = totals[totals > 0]
    return (int(totals.min()), int(totals.max())) if len(totals) else (0, 0)
