"""Images decoded once into a file in the cache, for data that is read many times.

With the pixels of each image, the digest of its file's content is stored, and a checksum of both. So the file needs no
lock and no order of writing: an image whose file has changed, one that two processes write at once, and one that a
killed process has written in part do not match, and are decoded from their files. Files are read and written rather
than mapped: pixels are not counted as memory of the process, and a full disk is an error instead of a signal.
"""

import hashlib
import os
import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
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
from robusthash_datasets.images.room import require_room

_VERSION = "robusthash decoded 3"
_DIGEST, _CHECK = 32, 4  #: bytes of a file's digest and of the checksum, in front of each image's pixels
_CHUNK = 256  #: images that a process decodes at a time
_FEW = 512  #: up to this number, images are decoded in this process: others take seconds to start


class DecodedImages(Images):
    """Images in files, read from their decoded copies.

    Args:
        files: the images.
        store: their decoded copies.
        keep: whether images without a current copy are stored when they are read.
    """

    def __init__(self, files: FileImages, store: "DecodedStore", *, keep: bool = False) -> None:
        self.files = files
        self.size, self.resize, self.keeps = files.size, files.resize, files.keeps
        self._store = store
        self._keep = keep

    def __len__(self) -> int:
        return len(self.files)

    def read(self, indices: Sequence[int]) -> Tensor:  # noqa: D102 - as in the base class
        names = [self.files.names[index] for index in indices]
        found, images = self._store.read(names)
        missing = [position for position, there in enumerate(found) if not there]
        if missing:
            images[missing] = self.files.read([indices[position] for position in missing])
            if self._keep:
                self._store.keep([names[position] for position in missing], images[missing])
        return images

    def take(self, indices: Sequence[int]) -> "DecodedImages":
        """The images at some positions; they keep their places for errors."""
        return DecodedImages(self.files.take(indices), self._store, keep=self._keep)

    def identity(self) -> bytes:
        """That of the files, because the pixels are the same."""
        return self.files.identity()


class Copies:
    """Decoded copies of images in one file, which is there.

    Args:
        file: with a record for each image.
        rows: the number of each image's record, by its name.
        like: images in the same folder, at the same size, whichever they are.
    """

    def __init__(self, file: Path, rows: Mapping[str, int], like: FileImages) -> None:
        self.file, self.rows, self.like = file, rows, like
        self._root, self._size = like.root, like.size
        self._pixels = 3 * like.size[0] * like.size[1]
        self._length = record_length(like)
        self._seen: dict[str, tuple[str, bytes]] = {}  # each file's state, and the digest of its content then
        self._handle = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._handle)

    def read(self, names: Sequence[str]) -> tuple[list[bool], Tensor]:
        """Decoded copies of images by name.

        Returns:
            A flag per image, whether its copy exists and is current, and (n, 3, h, w) uint8, unset for the others.
        """
        pixels = np.empty((len(names), self._pixels), dtype=np.uint8)
        head, found = bytearray(_DIGEST + _CHECK), []
        for name, digest, row in zip(names, self._digests(names), pixels, strict=True):
            whole = os.preadv(self._handle, [head, row.data], self.rows[name] * self._length) == self._length
            found.append(whole and digest == head[:_DIGEST] and _check(digest, row) == head[_DIGEST:])
        return found, torch.from_numpy(pixels).view(len(names), 3, *self._size)

    def keep(self, names: Sequence[str], images: Tensor) -> int:
        """Stores images that were just decoded, unless their files have changed since the copies were looked for.

        Args:
            names: of n images, for which :meth:`read` has found no copy.
            images: (n, 3, h, w) uint8.

        Returns:
            The number of stored images; fewer than given if files are changing, or the disk is full.
        """
        stored = 0
        for name, image in zip(names, images.numpy(), strict=True):
            state, digest = self._seen[name]
            path = self._root / name
            if file_state(path) == state if state else content_digest(path) == digest:
                row = np.ascontiguousarray(image).reshape(-1)
                with suppress(OSError):  # it is decoded again next time
                    os.pwritev(self._handle, [digest, _check(digest, row), row.data], self.rows[name] * self._length)
                    stored += 1
        return stored

    def decode(self, names: Sequence[str]) -> int:
        """Decodes and stores images one by one; an unreadable one is left out.

        Returns:
            The number of stored images.
        """
        like, stored = self.like, 0
        # The names were checked where they came from.
        images = FileImages(
            self._root, names, size=like.size[0], resize=like.resize, outside=True, workers=1, keeps=like.keeps
        )
        self._digests(names)  # before they are decoded
        for position, name in enumerate(names):
            with suppress(DatasetError):  # reading it raises the error, with the line that names it
                stored += self.keep([name], images.read([position]))
        return stored

    def _digests(self, names: Sequence[str]) -> list[bytes]:
        """The digest of each file's content; a file is read again if its state has changed."""
        states = {name: file_state(self._root / name) for name in names}
        unknown = [name for name, state in states.items() if not state or self._seen.get(name, ("",))[0] != state]
        for name, digest in zip(unknown, content_digests([self._root / name for name in unknown]), strict=True):
            self._seen[name] = states[name], digest
        return [self._seen[name][1] for name in names]


class DecodedStore(Copies):
    """The decoded copies of all images of some splits, in one folder and at one size.

    Args:
        files: the images of the splits; repeated names are stored once.
        folder: where the copies are.

    Attributes:
        fresh: whether their file was made now; it is sparse, and an image takes its room when it is stored.

    Raises:
        DatasetError: the folder has no space for them, or cannot be written.
    """

    def __init__(self, files: Sequence[FileImages], folder: Path) -> None:
        self._files, self._folder = tuple(files), folder
        names = unique_names(files)
        file = folder / f"{_key(files[0], names)}.images"
        self.fresh = not file.is_file()
        try:
            if self.fresh:
                _make(file, record_length(files[0]) * len(names))
            super().__init__(file, {name: row for row, name in enumerate(names)}, files[0])
            os.utime(file)  # what was used longest ago is removed first
        except OSError as error:
            raise DatasetError(
                f"cannot store decoded images in {folder}: {error.strerror or error}",
                hint="delete that folder, or set the option decoded to none or query-train",
            ) from error

    def __reduce__(self) -> tuple[type["DecodedStore"], tuple[tuple[FileImages, ...], Path]]:
        """Another process opens the file itself."""
        return DecodedStore, (self._files, self._folder)

    def fill(self, progress: Progress, workers: int | None = None) -> int:
        """Decodes the images that are missing, or whose files have changed.

        An unreadable image is skipped: reading it raises the error later, as without a store.

        Args:
            progress: called with (done, total, what).
            workers: processes; None is one per processor, at most 8. A few images are decoded in this process.

        Returns:
            The number of decoded images.
        """
        pending: list[str] = []
        for part in _parts(list(self.rows)):
            pending += [name for name, there in zip(part, self.read(part)[0], strict=True) if not there]
        parts = _parts(pending)
        done = filled = 0
        for part, stored in zip(parts, self._decode(parts, workers), strict=True):
            done, filled = done + len(part), filled + stored
            progress(done, len(pending), "decoding images")
        return filled

    def _decode(self, parts: list[list[str]], workers: int | None) -> Iterator[int]:
        """Decodes each part into the file: numbers of stored images."""
        count = min(workers or min(8, os.cpu_count() or 1), len(parts))
        # A worker of an evaluation must not start processes.
        if count < 2 or sum(map(len, parts)) <= _FEW or current_process().daemon:
            yield from map(self.decode, parts)
            return
        # Without the lists of names and their places, which every part would carry to its process.
        like = self.like.take([])
        tasks = [(self.file, {name: self.rows[name] for name in part}, like) for part in parts]
        try:
            # Spawned processes: a fork may hang if libraries have started threads.
            with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_start) as pool:
                yield from pool.map(_decode, tasks)
        except BrokenProcessPool as error:
            raise DatasetError(
                "a process that decodes images died",
                hint="free memory, or set the option decoded to none; a script needs if __name__ == '__main__'",
            ) from error


def _decode(task: tuple[Path, Mapping[str, int], FileImages]) -> int:
    copies = Copies(*task)
    return copies.decode(list(copies.rows))


def _start() -> None:
    """Prepares a process of the pool."""
    end_with_parent()
    torch.set_num_threads(1)


def record_length(images: FileImages) -> int:
    """Bytes that the copy of one image takes."""
    return _DIGEST + _CHECK + 3 * images.size[0] * images.size[1]


def unique_names(files: Sequence[FileImages]) -> tuple[str, ...]:
    """The names of all images, each once."""
    return tuple(dict.fromkeys(name for images in files for name in images.names))


def _key(like: FileImages, names: Sequence[str]) -> str:
    what = f"{_VERSION}\n{like.root.resolve()}\n{like.resize} {like.size} {like.keeps}"
    sha = hashlib.sha256(what.encode(errors="surrogateescape"))
    for name in names:
        sha.update(f"\n{name}".encode(errors="surrogateescape"))
    return sha.hexdigest()


def _check(digest: bytes, pixels: np.ndarray) -> bytes:
    return zlib.crc32(pixels.data, zlib.crc32(digest)).to_bytes(_CHECK, "little")


def _parts(names: list[str]) -> list[list[str]]:
    return [names[first : first + _CHUNK] for first in range(0, len(names), _CHUNK)]


def _make(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    require_room(file.parent, size)
    with temporary_beside(file) as temporary:
        os.truncate(temporary, size)
        # Never replace another process's file, which it would keep writing to unseen.
        with suppress(FileExistsError):
            file.hardlink_to(temporary)


def with_decoded(images: dict[str, FileImages], context: DatasetContext) -> dict[str, Images]:
    """Splits' images, all of which are decoded now unless they were before.

    Args:
        images: by split.
        context: cache folder and progress callback.
    """
    store = DecodedStore(list(images.values()), context.cache / "decoded")
    store.fill(context.progress)
    return {name: DecodedImages(files, store) for name, files in images.items()}
