"""The layout of torchcmh: MATLAB files with the names, tags and labels of images, and one folder of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from robusthash.contracts import DatasetContext
from robusthash.errors import DatasetError
from robusthash.files.opening import there
from robusthash_datasets.lists.files import Listing
from robusthash_datasets.lists.published import Published
from robusthash_datasets.mat.file import MatFile

NAMES, LABELS = ("imgList.mat", "FAll"), ("labelList.mat", "LAll")  #: files, and their arrays; tagList.mat has YAll


@dataclass(frozen=True, kw_only=True)
class TorchCmh(Published):
    """``imgList.mat`` with names in ``FAll``, ``labelList.mat`` with ``LAll``, both of MATLAB's version 5.

    NumPy's old generator permutes the rows: the first are the queries, the next the train items, and all after the
    queries are the database.
    """

    permutation: ClassVar[int] = 0  #: seed of the permutation

    def _listings(self, context: DatasetContext) -> dict[str, Listing]:
        folder = self._folder(context)
        files = tuple(MatFile(folder / name, remedy=self.fetch) for name, _ in (NAMES, LABELS))
        paths, labels = _names(files[0]), files[1].labels(LABELS[1])
        count, queries, train = len(paths), self.known["query"], self.known["train"]
        if len(labels) != count:
            raise files[1].error(f"{LABELS[1]} has {len(labels)} rows for the {count} names in {NAMES[0]}")
        if count < queries + train:
            raise files[0].error(f"{count} images are too few for {queries} queries and {train} train items")
        # Seed and generator are the paper's; the legacy generator is the same in every version of NumPy.
        order = np.random.RandomState(self.permutation).permutation(count)
        digests = {file.file.name: file.digest for file in files}

        def part(rows: np.ndarray) -> Listing:
            return Listing(
                file=files[0].file,
                paths=tuple(paths[row] for row in rows.tolist()),
                labels=torch.from_numpy(labels[rows]),
                faults=(),
                digests=digests,
                lines=(rows + 1).tolist(),
            )

        return {
            "query": part(order[:queries]),
            "database": part(order[queries:]),
            "train": part(order[queries : queries + train]),
        }

    def _folder(self, context: DatasetContext) -> Path:
        if context.root is None:
            raise DatasetError(f"the folder of {self.title} is not known", hint=f"give --data-root; {self.fetch}")
        # --data-root may be the folder itself.
        return context.root if there(context.root / NAMES[0]) else context.root / self.folder


def _names(mat: MatFile) -> list[str]:
    names = mat.texts(NAMES[1])
    if not names or not all(names):
        where = f", row {names.index('') + 1}," if names else ""
        raise mat.error(f"{NAMES[1]}{where} names no image")
    return [name.replace("\\", "/") for name in names]
