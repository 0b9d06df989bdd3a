"""Datasets with a paper's splits: published counts and digests, and a way to draw such splits."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robusthash.contracts import DatasetContext, Findings, RetrievalData
from robusthash.errors import DatasetError, OptionError
from robusthash_datasets.drawing.recipes import Recipe
from robusthash_datasets.lists.dataset import Lists
from robusthash_datasets.lists.drawn import NAME, Draw, read_draw, write_lists
from robusthash_datasets.lists.files import Listing
from robusthash_datasets.originals import Original


@dataclass(frozen=True, kw_only=True)
class Published(Lists):
    """List files with the names and counts of a paper filled in.

    If a paper's own lists were released, drawn lists are a different experiment: the name in results ends in
    ``-drawn``.
    """

    released: ClassVar[Mapping[str, str]] = {}  #: prefix of the SHA-256 of each split's released ids
    columns: ClassVar[tuple[str, ...]] = ()  #: names of the label columns of the released lists, if known
    lists_released: ClassVar[bool] = True  #: whether the paper's own lists are available
    original: ClassVar[Original | None] = None  #: reads the original distribution
    recipe: ClassVar[Recipe | None] = None  #: draws the splits from it
    listed: ClassVar[str] = ""  #: prefix of the original's paths in drawn lists

    seed: int = 0  #: of the lists drawn by `data prepare`

    def load(self, context: DatasetContext) -> RetrievalData:
        """Reads the lists; images are read on demand.

        Raises:
            DatasetError: a list is missing, has a bad line, or was drawn with another seed.
        """
        draw = self._draw(context)
        if draw is not None and draw.seed != self.seed:
            raise DatasetError(
                f"the lists in {self._folder(context)} were drawn with seed {draw.seed}, not {self.seed}",
                hint=f"give -o {self.title}.seed={draw.seed}, or draw them again with robusthash data prepare",
            )
        return super().load(context)

    def prepare(self, context: DatasetContext, source: Path | None) -> str | None:
        """Draws lists from the original distribution, into ``--data-root``.

        Raises:
            DatasetError: there is no ``source`` or no recipe, or the original is incomplete or malformed.
        """
        if source is None or self.original is None or self.recipe is None:
            return super().prepare(context, source)
        if context.root is None:
            raise DatasetError("the folder for the lists is not known", hint="give --data-root")
        folder = context.root / self.folder
        context.progress(0, 3, "reading the annotations")
        annotated = self.original.read(source)
        context.progress(1, 3, "drawing the splits")
        drawn = self.recipe.draw(annotated, self.seed)
        context.progress(2, 3, "writing the lists")
        draw = Draw(
            dataset=self.title,
            recipe=self.recipe.words,
            seed=self.seed,
            classes=annotated.classes,
            counts={},
            sha256={},
        )
        write_lists(folder, annotated, drawn, stems=self._stems(), prefix=self.listed, draw=draw)
        context.progress(3, 3, "writing the lists")
        first = folder / (self.images or "") / (self.listed + annotated.paths[0])
        message = f"lists drawn with seed {self.seed} are in {folder}"
        return message if first.is_file() else f"{message}; put the images in place, the first as {first.resolve()}"

    def _draw(self, context: DatasetContext) -> Draw | None:
        return None if context.root is None else read_draw(self._folder(context))

    def _name(self, context: DatasetContext) -> str:
        return f"{self.title}-drawn" if self.lists_released and self._draw(context) is not None else self.title

    def _named(self, context: DatasetContext) -> tuple[str, ...]:
        draw = self._draw(context)
        return self.columns if draw is None else draw.classes

    def _compare(self, context: DatasetContext, listings: Mapping[str, Listing], found: Findings) -> None:
        super()._compare(context, listings, found)
        draw, folder = self._draw(context), self._folder(context)
        if draw is not None:
            for listing in listings.values():
                for name, digest in listing.digests.items():
                    if draw.sha256.get(name) != digest:
                        what = f"{name} was changed after the draw: SHA-256 {digest}"
                        found.add("error", name, "changed lists", where=str(folder / NAME), what=what)
            if draw.seed != self.seed:
                what = f"drawn with seed {draw.seed}, not {self.seed}"
                found.add("error", NAME, "other seeds", where=str(folder / NAME), what=what)
            if self.lists_released:
                what = (
                    f"the lists were drawn here with seed {draw.seed}: results are not comparable with published ones"
                )
                found.add("warning", NAME, "drawn lists", where=str(folder / NAME), what=what)
            return
        for name, digest in self.released.items():
            if not self._ids_digest(listings[name]).startswith(digest):
                what = "the items or their order differ from the released list"
                found.add("warning", name, "other lists", where=str(listings[name].file), what=what)

    def _ids_digest(self, listing: Listing) -> str:
        return hashlib.sha256("\n".join(self._ids(listing)).encode()).hexdigest()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seed < 0:
            raise OptionError(f"seed={self.seed}", hint="at least 0")
