"""Images decoded once into a memory-mapped file in the cache, for data that is read many times.

The digest of each image file's content is stored with its pixels. An image whose file has changed is decoded from the
file, so the cache is never stale.
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

from robusthash.contracts import DatasetContext, FileImages, Images, Progress
from robusthash.errors import DatasetError
from robusthash.files.contents import content_digest, content_digests, file_state
from robusthash.files.storage import temporary_beside
from robusthash.processes import end_with_parent

_VERSION = "robusthash decoded 2"
_DIGEST = 32  #: bytes of a file's digest; zeros stand for an image that is not decoded
_CHUNK = 256  #: images that a process decodes at a time
_FEW = 512  #: up to this number, images are decoded in this process: others take seconds to start


class DecodedImages(Images):
    """Images in files, read from their decoded copies.

    Args:
        files: the images.
        store: their decoded copies.
    """

    def __init__(self, files: FileImages, store: "DecodedStore") -> None:
        self.files = files
        self.size, self.resize = files.size, files.resize
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
        """That of the files, because the pixels are the same."""
        return self.files.identity()


class DecodedStore:
    """The decoded copies of images in one folder, at one size.

    Args:
        files: the images of the splits, in one folder and at one size; repeated names are stored once.
        cache: the cache folder.

    Raises:
        DatasetError: the cache has no space for them, or cannot be written.
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
        self._pixels_file, self._digests_file = place.with_suffix(".pixels.npy"), place.with_suffix(".digests.npy")
        self._seen: dict[str, str] = {}  # the state of each file whose content is known to be the decoded one
        try:
            self._pixels = _mapped(self._pixels_file, (len(self._rows), 3, *first.size), np.uint8)
            self._digests = _mapped(self._digests_file, (len(self._rows), _DIGEST), np.uint8)
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"cannot store decoded images in {place.parent}: {error}",
                hint="delete that folder, or set the option decoded to none or query-train",
            ) from error

    def fill(self, progress: Progress, workers: int | None = None) -> int:
        """Decodes the images that are missing, or whose files have changed.

        An unreadable image is skipped: reading it raises the error later, as without a store.

        Args:
            progress: called with (done, total, what).
            workers: processes; None is one per processor, at most 8. A few images are decoded in this process.

        Returns:
            The number of decoded images.
        """
        names = list(self._rows)
        pending = [name for name, fresh in zip(names, self._fresh(names), strict=True) if not fresh]
        parts = [pending[first : first + _CHUNK] for first in range(0, len(pending), _CHUNK)]
        # A half-written copy must not match the digest of an earlier file that is restored.
        self._digests[[self._rows[name] for name in pending]] = 0
        self._digests.flush()
        done = filled = 0
        for part, (good, digests) in zip(parts, self._decode(parts, workers), strict=True):
            rows = [self._rows[part[position]] for position in good]
            # First the pixels, then the digests that validate them: an interruption leaves no partial image.
            self._pixels.flush()
            if rows:
                self._digests[rows] = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(rows), _DIGEST)
            done, filled = done + len(part), filled + len(good)
            progress(done, len(pending), "decoding images")
        self._digests.flush()
        return filled

    def read(self, names: Sequence[str]) -> tuple[list[bool], Tensor]:
        """Decoded copies of images by name.

        Returns:
            A flag per image, whether its copy exists and is current, and (n, 3, h, w) uint8, zeros for the others.
        """
        images = torch.zeros((len(names), 3, *self._size), dtype=torch.uint8)
        found = self._fresh(names)
        for position, name in enumerate(names):
            if found[position]:
                images[position] = torch.from_numpy(np.array(self._pixels[self._rows[name]]))
        return found, images

    def _fresh(self, names: Sequence[str]) -> list[bool]:
        """Whether the copy of each image is that of its file's content; a file is read again if its state changed."""
        states = {name: file_state(self._root / name) for name in names}
        unknown = [name for name, state in states.items() if not state or self._seen.get(name) != state]
        fresh = dict.fromkeys(names, True)
        for name, digest in zip(unknown, content_digests([self._root / name for name in unknown]), strict=True):
            fresh[name] = digest == self._digests[self._rows[name]].tobytes()
            if fresh[name]:
                self._seen[name] = states[name]
            else:
                self._seen.pop(name, None)
        return [fresh[name] for name in names]

    def _decode(self, parts: list[list[str]], workers: int | None) -> Iterator[tuple[list[int], list[bytes]]]:
        tasks = [self._task(part) for part in parts]
        count = min(workers or min(8, os.cpu_count() or 1), len(tasks))
        # A worker of an evaluation must not start processes.
        if count < 2 or sum(map(len, parts)) <= _FEW or current_process().daemon:
            yield from map(_decode, tasks)
            return
        try:
            # Spawned processes: a fork may hang if libraries have started threads.
            with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_start) as pool:
                yield from pool.map(_decode, tasks)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that decodes images died",
                hint="free memory, or set the option decoded to none; a script needs if __name__ == '__main__'",
            ) from error

    def _task(self, names: list[str]) -> "_Task":
        return _Task(self._pixels_file, names, [self._rows[name] for name in names], self._like)


def _start() -> None:
    """Prepares a process of the pool."""
    end_with_parent()
    torch.set_num_threads(1)


class _Task:
    """Images to decode, and the target file. It is pickled, so it has no list files."""

    def __init__(self, target: Path, names: list[str], rows: list[int], like: FileImages) -> None:
        self.target, self.root, self.names, self.rows = target, like.root, names, rows
        self.size, self.resize = like.size[0], like.resize


def _decode(task: _Task) -> tuple[list[int], list[bytes]]:
    """Decodes into the file: the positions of readable images, and the digests of their files."""
    pixels = np.lib.format.open_memmap(task.target, mode="r+")
    images = FileImages(task.root, task.names, size=task.size, resize=task.resize, workers=1)
    good, digests = [], []
    for position, row in enumerate(task.rows):
        before = content_digest(task.root / task.names[position])
        try:
            pixels[row] = images.read([position])[0].numpy()
        except DatasetError:
            continue  # reading it raises the error, with the line that names it
        if content_digest(task.root / task.names[position]) == before:  # else it changed meanwhile
            good.append(position)
            digests.append(before)
    pixels.flush()
    return good, digests


def _mapped(file: Path, shape: tuple[int, ...], kind: type) -> np.memmap:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        # The file is sparse at first; running out of space later would kill the process without a message.
        require_room(file.parent, int(np.prod(shape)) * np.dtype(kind).itemsize)
        with temporary_beside(file) as temporary:
            np.lib.format.open_memmap(temporary, mode="w+", dtype=kind, shape=shape).flush()
            # Never replace another process's file, which it would keep writing to unseen.
            with suppress(FileExistsError):
                file.hardlink_to(temporary)
    mapped = np.lib.format.open_memmap(file, mode="r+")
    if mapped.shape != shape or mapped.dtype != kind:
        raise ValueError(f"{file} holds {mapped.dtype} {mapped.shape}")
    return mapped


def require_room(folder: Path, need: int) -> None:
    """Raises an OSError if a folder's disk has less free space than needed.

    Args:
        folder: on that disk.
        need: bytes.
    """
    free = shutil.disk_usage(folder).free
    if need > free:
        raise OSError(f"{need / 2**30:.1f} GiB are needed, {free / 2**30:.1f} GiB are free")


def with_decoded(images: dict[str, FileImages], context: DatasetContext) -> dict[str, Images]:
    """Splits' images, read from decoded copies.

    Args:
        images: by split.
        context: cache folder and progress callback.
    """
    store = DecodedStore(list(images.values()), context.cache)
    store.fill(context.progress)
    return {name: DecodedImages(files, store) for name, files in images.items()}
