"""Room for decoded images: how much of a disk they may take, and what makes way for them."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

MOST = 4 << 30  #: bytes that all images together may take that are kept without having been asked for
_SHARE = 4  #: and at most one part in so many of the free space


def require_room(folder: Path, need: int) -> None:
    """Raises an OSError if a folder's disk has less free space than needed.

    Args:
        folder: on that disk.
        need: bytes.
    """
    free = shutil.disk_usage(folder).free
    if need > free:
        raise OSError(f"{need / 2**30:.1f} GiB are needed, {free / 2**30:.1f} GiB are free")


def refusal(folder: Path, need: int) -> str | None:
    """Why images are not kept without having been asked for, as the rest of a sentence; None if they are.

    Args:
        folder: where they would be; it need not exist.
        need: bytes that all of them take.
    """
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    if need > MOST:
        return f"they would take {told(need)}, more than {told(MOST)}"
    if need > free // _SHARE:
        return f"they would take {told(need)}, and {told(free)} are free"
    return None


def make_way(folder: Path, need: int, keep: Path) -> None:
    """Removes what was used longest ago, until no more than :data:`MOST` bytes are taken together.

    A file that another process uses is safe: it goes on using it, and only finds it gone next time.

    Args:
        folder: of the files.
        need: bytes that are going to be written.
        keep: the file that they are written to.
    """
    found = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                state = entry.stat()
                found.append((state.st_mtime, state.st_blocks * 512, Path(entry.path)))
    left = sum(size for _, size, path in found if path != keep) + need
    for _, size, path in sorted(found):
        if left <= MOST:
            return
        if path.suffix == ".images" and path != keep:
            path.unlink(missing_ok=True)
            left -= size


def told(size: int) -> str:
    """A number of bytes, for people.

    >>> told(246_000_000), told(4 << 30)
    ('235 MiB', '4.0 GiB')
    """
    return f"{size / 2**30:.1f} GiB" if size >= 1 << 30 else f"{size / 2**20:.0f} MiB"
