"""The base class of datasets with images in files: leaves out broken items, and decodes each image once."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from robusthash.contracts import IMAGE, Dataset, DatasetContext, FileImages, Finding, RetrievalData, Split
from robusthash_datasets.images.broken import broken_findings, without_broken
from robusthash_datasets.images.decoded import with_decoded
from robusthash_datasets.images.keeping import with_kept

_ALL = ("query", "database", "train")
_DECODED = {"auto": _ALL, "none": (), "query-train": ("query", "train"), "all": _ALL}


@dataclass(frozen=True, kw_only=True)
class FromFiles(Dataset):
    """A dataset with its images in files."""

    skip_broken: bool = False  #: leave out items with a bad line or image instead of raising an error
    decoded: Literal["auto", "none", "query-train", "all"] = "auto"  #: what is decoded once; auto: what is read

    def finished(self, data: RetrievalData, context: DatasetContext, *, left_out: int = 0) -> RetrievalData:
        """Applies the options to loaded data. If items were left out, its name ends in ``-part``.

        Args:
            data: with images in files.
            context: with the cache folder.
            left_out: number of items that are already left out.

        Raises:
            DatasetError: a split is empty, or the cache has no space.
        """
        if self.skip_broken:
            whole, data = _items(data), without_broken(data, context)
            if left_out or _items(data) < whole:
                data = replace(data, name=f"{data.name}-part")
        splits: dict[str, Split] = {name: getattr(data, name) for name in _DECODED[self.decoded]}
        files = {name: split.images for name, split in splits.items() if isinstance(split.images, FileImages)}
        if not files:
            return data
        images = with_kept(files, context) if self.decoded == "auto" else with_decoded(files, context)
        read: dict[str, Any] = {
            name: replace(split, views={**split.views, IMAGE: images[name]})
            for name, split in splits.items()
            if name in images
        }
        return replace(data, **read)

    def broken(self, data: RetrievalData, context: DatasetContext) -> list[Finding]:
        """The images that cannot be read, for splits that the host does not see: those that are left out on request.

        Args:
            data: with images in files, before any is left out.
            context: with the progress.
        """
        return broken_findings(data, context.progress, left_out=self.skip_broken).all()


def _items(data: RetrievalData) -> int:
    return len(data.query) + len(data.database) + len(data.train)
