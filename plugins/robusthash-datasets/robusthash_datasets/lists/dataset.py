"""Images named by the list files of a paper's code, as the large datasets of the literature are published."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from robusthash.contracts import DatasetContext, FileImages, Finding, Findings, RetrievalData, Split
from robusthash.errors import DatasetError, OptionError
from robusthash_datasets.images.fromfiles import FromFiles
from robusthash_datasets.lists.files import Listing, list_files, read_listing


@dataclass(frozen=True, kw_only=True)
class Lists(FromFiles):
    """Any dataset with list files, in the layout of ProS-GAN or of HashNet.

    The layouts are those of ``lists/files.py``.
    The images are found at ``images / prefix + (listed path without strip)``.
    """

    known: ClassVar[Mapping[str, int]] = {}  #: published number of items of each split, and of ``classes``
    fetch: ClassVar[str] = "set --data-root to the folder with the lists"  #: how to get the files, for errors

    title: str = "lists"  #: name of the dataset in results
    folder: str = ""  #: folder of the lists, in --data-root
    query: str = "test"  #: stem of the queries' list files
    database: str = "database"  #: stem of the database's list files
    train: str = "train"  #: stem of the train items' list files
    images: Path | None = None  #: root of the listed paths, relative to the folder of the lists; none is that folder
    strip: str = ""  #: prefix that is removed from the listed paths
    prefix: str = ""  #: prefix that is added to the listed paths after that
    classes: tuple[str, ...] = ()  #: names of the label columns; if empty, their numbers
    size: int = 224  #: height and width of the images, in pixels
    resize: int | None = None  #: length of the shorter side before the crop; none is 256 for 224, and in proportion
    backbone: str = "resnet18"  #: suggested backbone
    outside: bool = False  #: whether listed paths may leave the folder of the images: absolute ones, and those with ..

    def __post_init__(self) -> None:
        if not self.title:
            raise OptionError("the title is empty", hint="a short name for results")

    def load(self, context: DatasetContext) -> RetrievalData:
        """Reads the lists; images are read on demand.

        Raises:
            DatasetError: a list is missing or has a bad line; the message names file and line.
        """
        whole = listings = self._listings(context)
        if self.skip_broken:
            listings = {name: listing.sound() for name, listing in listings.items()}
        for listing in listings.values():
            if listing.faults:
                first, others = listing.faults[0], len(listing.faults) - 1
                more = f"; {others} more lines are bad" if others else ""
                raise DatasetError(f"{first.where}: {first.what}{more}", hint="robusthash data verify lists the others")
        skipped = any(listing is not whole[name] for name, listing in listings.items())
        return self.finished(self._data(context, listings), context, left_out=int(skipped))

    def verify(self, context: DatasetContext) -> list[Finding]:
        """Checks every line of the lists, and the published counts."""
        listings = self._listings(context)
        found = Findings()
        for name, listing in listings.items():
            for fault in listing.faults:
                level: Literal["error", "warning"] = (
                    "warning" if self.skip_broken and fault.row is not None else "error"
                )
                found.add(level, str(listing.file), fault.kind, where=fault.where, what=fault.what)
            left = len(listing.paths) - len(listing.sound().paths)
            if self.skip_broken and left:
                found.left_out(name, left, "bad line")
        self._compare(context, listings, found)
        if self.skip_broken:
            listings = {name: listing.sound() for name, listing in listings.items()}
        if any(listing.faults for listing in listings.values()):
            return found.all()  # labels and paths may be misaligned, so further checks are meaningless
        return found.all() + (self.broken(self._data(context, listings), context) if self.skip_broken else [])

    def prepare(self, context: DatasetContext, source: Path | None) -> str | None:  # noqa: ARG002 - nothing can be fetched
        """Explains where to download the files by hand.

        Raises:
            DatasetError: always; their terms require every user to download them.
        """
        raise DatasetError(f"{self.title} has to be downloaded by hand", hint=self.fetch)

    def _compare(self, context: DatasetContext, listings: Mapping[str, Listing], found: Findings) -> None:  # noqa: ARG002 - for subclasses
        for name, listing in listings.items():
            counts = {name: len(listing.paths), "classes": listing.labels.shape[1]}
            for what, count in counts.items():
                if count != self.known.get(what, count):
                    message = f"{count} {'classes' if what == 'classes' else 'items'}, published: {self.known[what]}"
                    found.add("error", name, "counts", where=str(listing.file), what=message)

    def _listings(self, context: DatasetContext) -> dict[str, Listing]:
        folder = self._folder(context)
        try:
            listings = {name: read_listing(folder, stem, context.cache) for name, stem in self._stems().items()}
        except DatasetError as error:
            folders = "" if list_files(folder, self.query) else "; class folders and tables are --dataset folder"
            raise DatasetError(error.message, hint=f"{error.hint}; {self.fetch}{folders}") from error
        widths = {listing.labels.shape[1]: listing.file for listing in listings.values()}
        if len(widths) > 1:
            counts = ", ".join(f"{width} in {file.name}" for width, file in widths.items())
            raise DatasetError(f"lists in {folder} differ in their number of classes: {counts}", hint=self.fetch)
        if self.classes and len(self.classes) not in widths:
            raise DatasetError(
                f"{len(self.classes)} class names for {next(iter(widths))} label columns in {folder}",
                hint="name every column, in order",
            )
        return listings

    def _stems(self) -> dict[str, str]:
        return {"query": self.query, "database": self.database, "train": self.train}

    def _ids(self, listing: Listing) -> tuple[str, ...]:
        strip = self.strip.removeprefix("./")
        return tuple(path.removeprefix("./").removeprefix(strip) for path in listing.paths)

    def _name(self, context: DatasetContext) -> str:  # noqa: ARG002 - for subclasses
        """The name in results."""
        return self.title

    def _named(self, context: DatasetContext) -> tuple[str, ...]:  # noqa: ARG002 - for subclasses
        """Names of the label columns, if they are known."""
        return ()

    def _folder(self, context: DatasetContext) -> Path:
        if context.root is None:
            raise DatasetError(f"the folder of {self.title} is not known", hint=f"give --data-root; {self.fetch}")
        inside = context.root / self.folder
        # --data-root may be the folder itself.
        return context.root if not inside.is_dir() and list_files(context.root, self.query) else inside

    def _data(self, context: DatasetContext, listings: Mapping[str, Listing]) -> RetrievalData:
        folder = self._folder(context)
        images = folder if self.images is None else folder / self.images
        splits = {name: self._split(name, listing, images, context.image_size) for name, listing in listings.items()}
        columns = listings["query"].labels.shape[1]
        names = self.classes or self._named(context)
        return RetrievalData(
            name=self._name(context),
            classes=names if len(names) == columns else tuple(f"label {column}" for column in range(columns)),
            query=splits["query"],
            database=splits["database"],
            train=splits["train"],
            backbone=self.backbone,
        )

    def _split(self, name: str, listing: Listing, images: Path, size: int | None) -> Split:
        ids = self._ids(listing)
        files = FileImages(
            images,
            [self.prefix + item for item in ids],
            size=size or self.size,
            resize=self.resize if size in (None, self.size) else None,
            outside=self.outside,
            origin=listing.place,
            remedy=f"check {self.title}.images, .strip and .prefix; {self.fetch}",
        )
        return Split.of_images(name=name, images=files, labels=listing.labels, ids=ids)
