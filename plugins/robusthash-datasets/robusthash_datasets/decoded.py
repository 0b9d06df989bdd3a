"""Images decoded once, into a memory-mapped file in the cache: for data that is read many times.

Beside the pixels stands each image file's size and time of change when it was decoded. An image whose file has changed
since is decoded from the file, so what is read is never old.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import current_process, get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robusthash.contracts import DatasetContext, FileImages, Images
from robusthash.errors import DatasetError
from robusthash_datasets.broken import stamp
from robusthash_datasets.verification import Progress

_VERSION = "robusthash decoded 1"
_CHUNK = 256  #: images that a process decodes at a time
_FEW = 512  #: up to so many are decoded here: a process takes seconds to start


class DecodedImages(Images):
    """Images in files, read from their decoded copies.

    Args:
        files: the images.
        store: their decoded copies.
    """

    def __init__(self, files: FileImages, store: "DecodedStore") -> None:
        self.files = files
        self.size = files.size
        self._store = store

    def __len__(self) -> int:
        return len(self.files)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        names = [self.files.names[index] for index in indices]
        found, images = self._store.read(names)
        missing = [position for position, there in enumerate(found) if not there]
        if missing:
            images[missing] = self.files.read([indices[position] for position in missing])
        return images

    def identity(self) -> bytes:
        """As that of the files: the pixels are the same."""
        return self.files.identity()


class DecodedStore:
    """The decoded copies of images in one folder, at one size.

    Args:
        files: the images of the splits, in one folder and at one size; a name that occurs twice is kept once.
        cache: the cache folder.

    Raises:
        DatasetError: the cache has no room for them, or cannot be written.
    """

    def __init__(self, files: Sequence[FileImages], cache: Path) -> None:
        first = files[0]
        self._like, self._root, self._size = first, first.root, first.size
        names = dict.fromkeys(name for images in files for name in images.names)
        self._rows = {name: row for row, name in enumerate(names)}
        sha = hashlib.sha256(f"{_VERSION}\n{first.root.resolve()}\n{first.resize} {first.size}".encode())
        for name in self._rows:
            sha.update(f"\n{name}".encode())
        place = cache / "decoded" / sha.hexdigest()
        self._pixels_file, self._stamps_file = place.with_suffix(".pixels.npy"), place.with_suffix(".stamps.npy")
        try:
            self._pixels = _mapped(self._pixels_file, (len(self._rows), 3, *first.size), np.uint8)
            self._stamps = _mapped(self._stamps_file, (len(self._rows), 2), np.int64)
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"cannot keep decoded images in {place.parent}: {error}",
                hint="delete that folder, or set the option decoded to none or query-train",
            ) from error

    def fill(self, progress: Progress, workers: int | None = None) -> int:
        """Decodes the images that are not there, or whose files have changed.

        An image that cannot be read is passed over: reading it is the error, as without a store.

        Args:
            progress: called with (done, total, what).
            workers: processes; None is one for each processor, at most 8. Few images are decoded in this one.

        Returns:
            How many were decoded.
        """
        pending = [name for name in self._rows if not self._fresh(name)]
        parts = [pending[first : first + _CHUNK] for first in range(0, len(pending), _CHUNK)]
        # A copy that is half written must not pass for one of an earlier file that comes back.
        self._stamps[[self._rows[name] for name in pending]] = 0
        self._stamps.flush()
        done = filled = 0
        for part, (good, stamps) in zip(parts, self._decode(parts, workers), strict=True):
            rows = [self._rows[part[position]] for position in good]
            # First the pixels, then the stamps that vouch for them: an interruption leaves no half of an image.
            self._pixels.flush()
            if rows:
                self._stamps[rows] = stamps
            done, filled = done + len(part), filled + len(good)
            progress(done, len(pending), "decoding images")
        self._stamps.flush()
        return filled

    def read(self, names: Sequence[str]) -> tuple[list[bool], Tensor]:
        """Decoded copies of images by their names.

        Returns:
            Which of them are there and as their files are now, and (n, 3, h, w) uint8; zeros for the others.
        """
        images = torch.zeros((len(names), 3, *self._size), dtype=torch.uint8)
        found = [self._fresh(name) for name in names]
        for position, name in enumerate(names):
            if found[position]:
                images[position] = torch.from_numpy(np.array(self._pixels[self._rows[name]]))
        return found, images

    def _fresh(self, name: str) -> bool:
        # A missing file has the stamp of a row that was never filled.
        now = stamp(self._root / name)
        return now != (0, 0) and now == tuple(self._stamps[self._rows[name]].tolist())

    def _decode(self, parts: list[list[str]], workers: int | None) -> Iterator[tuple[list[int], list[tuple[int, int]]]]:
        tasks = [self._task(part) for part in parts]
        count = min(workers or min(8, os.cpu_count() or 1), len(tasks))
        # A process of the pool of an evaluation may not start others.
        if count < 2 or sum(map(len, parts)) <= _FEW or current_process().daemon:
            yield from map(_decode, tasks)
            return
        try:
            # Fresh processes: a fork of one whose libraries have threads may hang.
            with ProcessPoolExecutor(
                count, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
            ) as pool:
                yield from pool.map(_decode, tasks)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that decodes images died",
                hint="free memory, or set the option decoded to none; a script needs if __name__ == '__main__'",
            ) from error

    def _task(self, names: list[str]) -> "_Task":
        return _Task(self._pixels_file, names, [self._rows[name] for name in names], self._like)


class _Task:
    """Some images to decode, and where to. Knows no list files: it goes to another process."""

    def __init__(self, target: Path, names: list[str], rows: list[int], like: FileImages) -> None:
        self.target, self.root, self.names, self.rows = target, like.root, names, rows
        self.size, self.resize = like.size[0], like.resize


def _decode(task: _Task) -> tuple[list[int], list[tuple[int, int]]]:
    """Decodes into the file: the positions of those that could be read, and their files' stamps before that."""
    pixels = np.lib.format.open_memmap(task.target, mode="r+")
    images = FileImages(task.root, task.names, size=task.size, resize=task.resize, workers=1)
    good, stamps = [], []
    for position, row in enumerate(task.rows):
        before = stamp(task.root / task.names[position])
        try:
            pixels[row] = images.read([position])[0].numpy()
        except DatasetError:
            continue  # its reader is told, with the line that names it
        good.append(position)
        stamps.append(before)
    pixels.flush()
    return good, stamps


def _mapped(file: Path, shape: tuple[int, ...], kind: type) -> np.memmap:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        # The file is made without its content; to run out of room later would end the process without a word.
        require_room(file.parent, int(np.prod(shape)) * np.dtype(kind).itemsize)
        temporary = file.with_name(f".{os.getpid()}.{file.name}")
        try:
            np.lib.format.open_memmap(temporary, mode="w+", dtype=kind, shape=shape).flush()
            # Never over another process's file: it would go on with one that nobody else sees.
            with suppress(FileExistsError):
                file.hardlink_to(temporary)
        finally:
            temporary.unlink(missing_ok=True)
    mapped = np.lib.format.open_memmap(file, mode="r+")
    if mapped.shape != shape or mapped.dtype != kind:
        raise ValueError(f"{file} holds {mapped.dtype} {mapped.shape}")
    return mapped


def require_room(folder: Path, need: int) -> None:
    """Raises an OSError if a folder's disk has less than so many bytes free."""
    free = shutil.disk_usage(folder).free
    if need > free:
        raise OSError(f"{need / 2**30:.1f} GiB are needed, {free / 2**30:.1f} GiB are free")


def with_decoded(images: dict[str, FileImages], context: DatasetContext) -> dict[str, Images]:
    """Splits' images, read from decoded copies.

    Args:
        images: by split.
        context: where the cache is, and who is told of the progress.
    """
    store = DecodedStore(list(images.values()), context.cache)
    store.fill(context.progress)
    return {name: DecodedImages(files, store) for name, files in images.items()}
