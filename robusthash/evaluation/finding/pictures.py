"""The user's own pictures, read as a dataset's are; one that cannot be read is left out, and told."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from robusthash.contracts import FileImages, Images
from robusthash.errors import DatasetError
from robusthash.evaluation.planning.pictures import own_pictures
from robusthash.files.opening import require_file


class Pictures(FileImages):
    """Pictures in files, of which a broken one is black instead of an error: a batch has its shape whatever breaks.

    Attributes:
        broken: why a picture could not be read, by its position; known once it has been read.
    """

    broken: dict[int, str]

    @classmethod
    def like(cls, images: Images, root: Path, names: Sequence[str]) -> "Pictures":
        """Pictures that are resized and cropped as others are.

        Args:
            images: the others.
            root: the folder that the names are relative to.
            names: of the files; absolute ones are taken as they are.
        """
        found = cls(root, names, size=images.size[0], resize=images.resize, keeps=images.keeps, outside=True)
        found.broken = {}
        return found

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        try:
            return super().read(indices)
        except DatasetError:
            return torch.stack([self._one(index) for index in indices])

    def _one(self, index: int) -> Tensor:
        try:
            return super().read([index])[0]
        except DatasetError as error:
            self.broken[index] = error.message
            return torch.zeros((3, *self.size), dtype=torch.uint8)


def named_pictures(folder: Path, what: str) -> tuple[str, ...]:
    """Names of the pictures in a folder, relative to it.

    Args:
        folder: the folder.
        what: what it is given as, for errors.

    Raises:
        InputError: it is no folder, or has no pictures.
    """
    return tuple(str(path.relative_to(folder)) for path in own_pictures(folder, what))


def found_pictures(paths: Iterable[Path]) -> tuple[str, ...]:
    """Pictures, and those in folders, as paths.

    Args:
        paths: of pictures and of folders.

    Raises:
        InputError: one is not there, or is a folder without pictures.
    """
    found: list[str] = []
    for path in paths:
        if path.is_dir():
            found += map(str, own_pictures(path, "the folder"))
        else:
            found.append(str(require_file(path, "picture", hint="name a picture, or a folder of pictures")))
    return tuple(dict.fromkeys(found))
