"""Images read from files on use: decoded by Pillow, resized and cropped as usual in the field."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from robusthash.contracts.data.framing import framed, shorter_side
from robusthash.contracts.data.inputs import Images
from robusthash.errors import DatasetError
from robusthash.files.contents import content_digests, remembered
from robusthash.files.opening import open_file
from robusthash.photographs.decoding import BROKEN, opened_image, reason, rgb_levels

_NAMES = "write paths relative to that folder, or set the dataset's option outside to true if you trust the list"


class FileImages(Images):
    """Images in files of any size and format.

    Each is converted to RGB as in the published loaders, by Pillow's ``convert``: grey and CMYK are converted, a
    palette is looked up, an alpha channel is dropped. 16-bit grey keeps its upper 8 bits. As in those loaders, EXIF
    orientation is **not** applied, so that numbers are comparable with published ones; Pillow itself applies TIFF's.
    Then the shorter side is resized (bilinear, antialiased) and the centre is cropped.

    Args:
        root: the folder that the names are relative to.
        names: relative paths.
        size: height and width of the crop, in pixels.
        resize: length of the shorter side before the crop; None keeps the usual ratio of 256 to 224.
        outside: whether names may leave the root: absolute ones, and those with ``..``.
        origin: returns the place of an item by its position, such as the line of a list file, for errors.
        remedy: how to fix a missing file, for errors.
        workers: number of threads that decode; None is the number of processors, at most 8.
        keeps: whether an image that has the size of the crop already is taken as it is, instead of being enlarged and
            cropped as in the published loaders.

    Raises:
        DatasetError: the crop is empty, or larger than the resized side; or a name leaves the root, or has a NUL
            character.
    """

    resize: int

    def __init__(
        self,
        root: Path,
        names: Sequence[str],
        *,
        size: int,
        resize: int | None = None,
        outside: bool = False,
        origin: Callable[[int], str] | None = None,
        remedy: str = "restore the file, or remove it from the dataset",
        workers: int | None = None,
        keeps: bool = False,
    ) -> None:
        self.resize: int = shorter_side(size) if resize is None else resize
        if size < 1 or self.resize < size:
            raise DatasetError(
                f"cannot crop {size} pixels from images resized to {self.resize}", hint="1 <= size <= resize"
            )
        self.root = root
        self.names = tuple(names)
        self.size = (size, size)
        self.keeps = keeps
        self._outside = outside
        self._origin = origin
        self._remedy = remedy
        self._workers = workers or min(8, os.cpu_count() or 1)
        for index, name in enumerate(self.names):
            fault = _bad_name(name, outside=outside)
            if fault:
                raise self._error(index, f"{fault}: {name!r}", _NAMES)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        if not len(indices):
            return torch.empty((0, 3, *self.size), dtype=torch.uint8)
        if len(indices) == 1 or self._workers == 1:
            return torch.stack([self._load(index) for index in indices])
        with ThreadPoolExecutor(min(self._workers, len(indices))) as pool:
            return torch.stack(list(pool.map(self._load, indices)))

    def take(self, indices: Sequence[int]) -> "FileImages":
        """The images at some positions; they keep their places for errors."""
        chosen = list(indices)
        return FileImages(
            self.root,
            [self.names[index] for index in chosen],
            size=self.size[0],
            resize=self.resize,
            outside=self._outside,
            origin=None if self._origin is None else _Taken(self._origin, chosen),
            remedy=self._remedy,
            workers=self._workers,
            keeps=self.keeps,
        )

    def place(self, index: int) -> str:
        """The place of an item in an error: the line that names it, else its file."""
        return str(self.root / self.names[index]) if self._origin is None else self._origin(index)

    def file_size(self, index: int) -> tuple[int, int] | None:
        """Width and height of an item's file, in pixels; None if it cannot be read. Only its head is read."""
        height, _, width = _size(self.root / self.names[index]).decode().partition(",")
        return (int(width), int(height)) if width else None

    def identity(self) -> bytes:
        """SHA-256 over resizing, crop and the content of every file, and over which images are taken as they are."""
        sha = hashlib.sha256(f"shorter side {self.resize}, crop {self.size}".encode())
        for digest in content_digests([self.root / name for name in self.names]):
            sha.update(digest)
        # Only if there are any: the digests of all other folders are those of a loader that knows no such images.
        kept = self._kept() if self.keeps else []
        if kept:
            sha.update(f"as they are: {kept}".encode())
        return sha.digest()

    def _kept(self) -> list[int]:
        """Positions of the images that have the size of the crop."""
        own = ",".join(map(str, self.size)).encode()
        sizes = remembered("sizes", [self.root / name for name in self.names], _size)
        return [position for position, size in enumerate(sizes) if size == own]

    def _load(self, index: int) -> Tensor:
        path = self.root / self.names[index]
        try:
            with open_file(path) as file, opened_image(file) as image:
                pixels = rgb_levels(image)
        except FileNotFoundError:
            raise self._error(index, f"no image {path}", self._remedy) from None
        except BROKEN as error:
            raise self._error(index, f"cannot read image {path}: {reason(error)}", self._remedy) from error
        decoded = torch.from_numpy(pixels).permute(2, 0, 1)
        return framed(decoded, resize=self.resize, size=self.size[0], keeps=self.keeps)

    def _error(self, index: int, message: str, remedy: str) -> DatasetError:
        return DatasetError(message if self._origin is None else f"{self._origin(index)}: {message}", hint=remedy)


class _Taken:
    """Places of selected items; a class instead of a closure, so that images can be pickled."""

    def __init__(self, origin: Callable[[int], str], chosen: list[int]) -> None:
        self._origin = origin
        self._chosen = chosen

    def __call__(self, index: int) -> str:
        return self._origin(self._chosen[index])


def _size(path: Path) -> bytes:
    """Height and width of an image, as text; empty if its head cannot be read."""
    try:
        with open_file(path) as file, Image.open(file) as image:
            return f"{image.height},{image.width}".encode()
    except BROKEN:
        return b""


def _bad_name(name: str, *, outside: bool) -> str | None:
    if "\0" in name:
        return "the path has a NUL character"
    # Not by `Path`, which takes ten times as long: a dataset has hundreds of thousands of names.
    if outside or not (name.startswith("/") or ".." in name or os.path.isabs(name)):  # noqa: PTH117
        return None
    inside = Path(os.path.normpath(name))
    if inside.is_absolute() or inside.parts[0] == "..":
        return "the path leaves the folder of the images"
    return None
