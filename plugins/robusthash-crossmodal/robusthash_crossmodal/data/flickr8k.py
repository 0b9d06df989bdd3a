"""Flickr8k: photographs with five captions each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robusthash.contracts import IMAGE, TEXT, Dataset, DatasetContext, RetrievalData, Split
from robusthash.errors import DatasetError, OptionError
from robusthash.files.archives import read_arrays
from robusthash.files.opening import there
from robusthash_crossmodal.data.bags import Words, bags_of
from robusthash_crossmodal.data.jpeg_images import JpegImages

_FILE = "flickr8k_4k_128.npz"
_ARRAYS = ("jpeg", "offset", "name", "role", "Y", "concepts", "captions_json")
_HINT = (
    f"put {_FILE} into --data-root: jpeg (bytes of all files), offset (start of each file, and the end), name, role "
    "(query or database), Y (concepts, multi-hot), concepts (their names), captions_json (a list of captions each)"
)


@dataclass(frozen=True, kw_only=True)
class Flickr8k(Dataset):
    """Photographs of Flickr8k (Hodosh et al., JAIR 2013) with their captions as bags of words.

    The labels are concepts that were derived from the captions, so texts know more of them than images do. The
    database is also the train split, and the vocabulary is that of its captions.
    """

    size: int = 64  #: height and width of the images, in pixels
    captions: int = 5  #: captions of an item that are joined to its text
    least: int = 8  #: least number of train items that have a word of the vocabulary
    stop_words: bool = True  #: leave out English words without meaning of their own

    def __post_init__(self) -> None:
        if self.size < 1 or not 1 <= self.captions <= 5:
            raise OptionError(
                f"size={self.size}, captions={self.captions}", hint="a size of at least 1, 1 to 5 captions"
            )

    def load(self, context: DatasetContext) -> RetrievalData:
        """Loads the splits; images are decoded when they are read.

        Raises:
            DatasetError: the archive is missing or malformed.
        """
        file = _place(context)
        arrays = read_arrays(file, _ARRAYS, hint=_HINT)
        texts = _captions(arrays, file)
        rows = {name: np.nonzero(arrays["role"] == name)[0].tolist() for name in ("query", "database")}
        rows["train"] = rows["database"]
        if not all(rows.values()):
            raise DatasetError(f"{file}: {len(rows['query'])} queries, {len(rows['database'])} others", hint=_HINT)
        joined = {name: [" ".join(texts[row][: self.captions]) for row in chosen] for name, chosen in rows.items()}
        words = Words(least=self.least, stop_words=self.stop_words)
        bags = bags_of(joined, words, context.cache, where=str(file))
        content, offset = arrays["jpeg"].tobytes(), arrays["offset"].tolist()
        size = context.image_size or self.size

        def split(name: str) -> Split:
            chosen = rows[name]
            starts, ends = [offset[row] for row in chosen], [offset[row + 1] for row in chosen]
            images = JpegImages(content, starts, ends, size=size, file=file)
            return Split(
                name=name,
                views={IMAGE: images, TEXT: bags[name]},
                labels=torch.from_numpy(arrays["Y"][chosen].astype(np.uint8)),
                ids=tuple(str(arrays["name"][row]) for row in chosen),
            )

        return RetrievalData(
            name="flickr8k",
            classes=tuple(str(concept) for concept in arrays["concepts"]),
            query=split("query"),
            database=split("database"),
            train=split("train"),
            backbone="mobilenet-v1",
        )


def _place(context: DatasetContext) -> Path:
    if context.root is None:
        raise DatasetError("the folder of flickr8k is not known", hint=f"give --data-root; {_HINT}")
    # --data-root may be the folder itself.
    return context.root / _FILE if there(context.root / _FILE) else context.root / "flickr8k" / _FILE


def _captions(arrays: dict[str, np.ndarray], file: Path) -> list[list[str]]:
    """The captions of each item, if the arrays belong together."""
    count = len(arrays["name"])
    lengths = {name: len(arrays[name]) for name in ("role", "Y")} | {"offset": len(arrays["offset"]) - 1}
    if set(lengths.values()) != {count} or arrays["Y"].shape != (count, len(arrays["concepts"])):
        raise DatasetError(f"{file}: {count} names, and lengths {lengths}, labels {arrays['Y'].shape}", hint=_HINT)
    offset, content = arrays["offset"], arrays["jpeg"]
    if content.dtype != np.uint8 or not np.issubdtype(offset.dtype, np.integer) or (np.diff(offset) < 0).any():
        raise DatasetError(f"{file}: jpeg is {content.dtype}, and offset does not count its bytes", hint=_HINT)
    if count and not 0 <= offset[0] <= offset[-1] <= content.size:
        raise DatasetError(f"{file}: offset goes to byte {offset[-1]} of {content.size}", hint=_HINT)
    try:
        texts: Any = json.loads(arrays["captions_json"].tobytes())
    except ValueError as error:
        raise DatasetError(f"{file}: captions_json is not JSON: {error}", hint=_HINT) from error
    wrong = next((row for row, own in enumerate(texts) if not _are_texts(own)), None) if isinstance(texts, list) else 0
    if wrong is not None or len(texts) != count:
        raise DatasetError(f"{file}: captions_json has no list of texts for item {wrong or len(texts)}", hint=_HINT)
    found: list[list[str]] = texts
    return found


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)
