"""Judges delivered photographs: what their files retrieve, beside what the clean ones retrieve."""

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.adversary import distance_to
from robusthash.contracts import FileImages
from robusthash.contracts.data.framing import framed
from robusthash.evaluation.protecting.changes import changes
from robusthash.evaluation.protecting.outcome import AS_WRITTEN, Judged, Seen
from robusthash.evaluation.victims.system import System
from robusthash.pixels import from_levels

NEAREST = 10  #: items whose labels are listed
_MOST = 100  #: nearest items that vote on what a photograph shows
_SHARE = 10  #: of the database, at most a tenth votes


def read_after(path: Path, pixels: np.ndarray, *, resize: int, size: int, keeps: bool = False) -> Tensor:
    """A file as the models' loader reads it, and what the loader makes of it after each change.

    Args:
        path: of the file.
        pixels: (h, w, 3) uint8, the same file as a viewer shows it.
        resize: length of the shorter side that the loader resizes to.
        size: rows and columns of the models' images.
        keeps: whether the loader takes a photograph of this size as it is.

    Returns:
        (1 + changes, 3, size, size) uint8.

    Raises:
        DatasetError: the file cannot be read.
    """
    loader = FileImages(path.parent, [path.name], size=size, resize=resize, keeps=keeps, workers=1)
    changed = (torch.from_numpy(np.ascontiguousarray(change.apply(pixels))) for change in changes())
    after = [framed(picture.permute(2, 0, 1), resize=resize, size=size, keeps=keeps) for picture in changed]
    return torch.stack([loader.read([0])[0], *after])


class Judge:
    """Asks a model and its database about photographs.

    Args:
        system: the model with the database that it searches.

    Attributes:
        voters: number of nearest items that vote on what a photograph shows.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        database = system.database
        self._index, self._labels = database.index, database.labels
        self._classes = system.resources.data.classes
        self.voters = max(min(_MOST, self._index.size // _SHARE), 1)

    def __call__(self, clean: Tensor, delivered: Tensor) -> dict[str, Judged]:
        """What a model makes of a photograph, by the change that it has gone through.

        Args:
            clean: of the user's file, as :func:`read_after` returns it.
            delivered: of the file that was written, likewise.
        """
        model, device = self._system.query_model, self._system.resources.device
        represented = model.represent(from_levels(torch.cat([clean, delivered])).to(device)).cpu()
        seen = self._seen(represented)
        names = [AS_WRITTEN, *(change.name for change in changes())]
        return {
            name: Judged(clean=one, protected=other)
            for name, one, other in zip(names, seen[: len(names)], seen[len(names) :], strict=True)
        }

    def _seen(self, represented: Tensor) -> list[Seen]:
        space = self._system.space
        codes = space.codes(represented).float()
        moved = distance_to(codes[:1].expand_as(codes), codes, space)
        ids = self._index.search(represented, max(self.voters, min(NEAREST, self._index.size))).ids
        lists = [[item for item in row if item >= 0] for row in ids.tolist()]  # an index may return fewer
        first = set(lists[0][:NEAREST])
        seen = []
        for distance, row in zip(moved.tolist(), lists, strict=True):
            votes = Counter(name for item in row[: self.voters] for name in self._names(item))
            seen.append(
                Seen(
                    moved=float(distance),
                    found=votes.most_common(1)[0][0] if votes else None,
                    votes=dict(votes.most_common()),
                    nearest=tuple(self._names(item) for item in row[:NEAREST]),
                    retained=len(first & set(row[:NEAREST])) / max(len(first), 1),
                )
            )
        return seen

    def _names(self, item: int) -> tuple[str, ...]:
        """The labels of an item of the database."""
        return tuple(self._classes[place] for place in self._labels[item].nonzero().flatten().tolist())
