"""Checks for faults that make results wrong: duplicates, queries in the database, unlabelled items, bad images."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from robusthash.contracts import ArrayImages, FileImages, Finding, Images, RetrievalData, Split
from robusthash.errors import DatasetError

LISTED = 5  #: findings of one kind that are listed; the others are counted

Level = Literal["error", "warning"]
Progress = Callable[[int, int, str], None]


class Findings:
    """Findings by kind: the first few of each, and their total."""

    def __init__(self) -> None:
        self._listed: dict[tuple[Level, str, str], list[Finding]] = {}
        self._counts: Counter[tuple[Level, str, str]] = Counter()

    def add(self, level: Level, part: str, kind: str, *, where: str, what: str) -> None:
        """Adds a finding.

        Args:
            level: as in :class:`~robusthash.contracts.Finding`.
            part: the split or file that it is counted for.
            kind: that it is counted as, in the plural: ``unreadable images``.
            where: file and line, or split and item.
            what: what is wrong there.
        """
        key = (level, part, kind)
        self._counts[key] += 1
        if self._counts[key] <= LISTED:
            self._listed.setdefault(key, []).append(Finding(level=level, where=where, what=what))

    def left_out(self, part: str, count: int, why: str) -> None:
        """Adds the number of items of a split that are left out on request.

        Args:
            part: the split.
            count: the number of items.
            why: the fault of each, in the singular.
        """
        what = f"{count} left out for a {why}" if count == 1 else f"{count} left out, each for a {why}"
        self.add("warning", part, f"items left out for a {why}", where=part, what=what)

    def all(self) -> list[Finding]:
        """The first few findings of every kind, and its total if there are more."""
        result = []
        for key, listed in self._listed.items():
            result += listed
            if self._counts[key] > LISTED:
                level, part, kind = key
                result.append(Finding(level=level, where=part, what=f"{self._counts[key]} {kind} in all"))
        return result


def place(split: Split, position: int) -> str:
    """The place of an item, for messages: the line that names it, its file, or split and id."""
    if isinstance(split.images, FileImages):
        return split.images.place(position)
    return f"{split.name}, item {split.ids[position]}"


def verify_data(
    data: RetrievalData,
    *,
    progress: Progress = lambda _done, _total, _what: None,
    skipped: bool = False,
    read: bool = True,
) -> list[Finding]:
    """Checks loaded splits.

    Args:
        data: the splits.
        progress: called with (done, total, what) while images are read.
        skipped: whether unreadable images are left out on request; then they are warnings, and counted.
        read: whether to read every image.
    """
    found = Findings()
    for split in (data.query, data.database, data.train):
        _repeated(split, found)
        _unlabelled(split, found)
    _overlaps(data, found)
    if read:
        _unreadable(data, found, progress, skipped=skipped)
    _same_pixels(data, found)
    return found.all()


def _repeated(split: Split, found: Findings) -> None:
    # A duplicate in train has double weight; one among queries or in the database changes every score.
    level: Level = "warning" if split.name == "train" else "error"
    first: dict[str, int] = {}
    for position, name in enumerate(split.ids):
        earlier = first.setdefault(name, position)
        if earlier != position:
            what = f"{name} is a duplicate in the {split.name} split, first: {place(split, earlier)}"
            found.add(level, split.name, "repeated items", where=place(split, position), what=what)


def _unlabelled(split: Split, found: Findings) -> None:
    why = {
        "query": "it has no relevant items, which caps the mean average precision",
        "database": "it is relevant to no query",
        "train": "it has no similar items",
    }[split.name]
    for position in (split.labels.sum(1) == 0).nonzero()[:, 0].tolist():
        what = f"{split.ids[position]} has no label: {why}"
        found.add("warning", split.name, "items without a label", where=place(split, position), what=what)


def _overlaps(data: RetrievalData, found: Findings) -> None:
    database, train, query = (
        {name: i for i, name in enumerate(s.ids)} for s in (data.database, data.train, data.query)
    )
    for position, name in enumerate(data.query.ids):
        for other, split in ((database, data.database), (train, data.train)):
            if name in other:
                what = f"query {name} is also in the {split.name} split: {place(split, other[name])}"
                kind = f"queries in the {split.name} split"
                found.add("error", "query", kind, where=place(data.query, position), what=what)
    outside = [position for name, position in train.items() if name not in database and name not in query]
    for position in outside:
        what = f"{data.train.ids[position]} is not in the database"
        found.add("warning", "train", "train items outside the database", where=place(data.train, position), what=what)


def _unreadable(data: RetrievalData, found: Findings, progress: Progress, *, skipped: bool) -> None:
    done: set[str] = set()
    level: Level = "warning" if skipped else "error"
    splits = [split for split in (data.query, data.database, data.train) if not isinstance(split.images, ArrayImages)]
    for split in splits:
        fresh = [position for position, name in enumerate(split.ids) if name not in done]
        done.update(split.ids)
        count = 0
        for position, fault in zip(fresh, faults(split.images, fresh, f"reading {split.name}", progress), strict=True):
            if fault:
                where = place(split, position)
                what = fault.removeprefix(f"{where}: ")
                found.add(level, split.name, "unreadable images", where=where, what=what)
                count += 1
        if skipped and count:
            found.left_out(split.name, count, "broken image")


def faults(images: Images, positions: Sequence[int], what: str, progress: Progress) -> Iterator[str | None]:
    """The fault of each image; None if it can be read.

    Args:
        images: the images of a split.
        positions: of the images to check.
        what: description for the progress.
        progress: called with (done, total, what).
    """

    def fault(position: int) -> str | None:
        try:
            images.read([position])
        except DatasetError as error:
            return error.message
        return None

    with ThreadPoolExecutor() as pool:
        for done, message in enumerate(pool.map(fault, positions), start=1):
            progress(done, len(positions), what)
            yield message


def _same_pixels(data: RetrievalData, found: Findings) -> None:
    if not isinstance(data.query.images, ArrayImages) or not isinstance(data.database.images, ArrayImages):
        return
    database = {pixels: i for i, pixels in enumerate(_pixels(data.database.images))}
    names = set(data.database.ids)
    for position, pixels in enumerate(_pixels(data.query.images)):
        if pixels in database and data.query.ids[position] not in names:
            what = f"query {data.query.ids[position]} has the pixels of {place(data.database, database[pixels])}"
            found.add(
                "warning",
                "query",
                "queries with the pixels of a database item",
                where=place(data.query, position),
                what=what,
            )


def _pixels(images: ArrayImages) -> Iterable[bytes]:
    return (row.tobytes() for row in images.array.numpy())
