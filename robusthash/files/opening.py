"""Opens files that strangers wrote: regular ones only, so that nothing hangs and nothing is endless."""

import lzma
import os
import stat
import struct
import zipfile
import zlib
from io import BufferedReader
from pathlib import Path

from robusthash.errors import InputError

__all__ = ["DAMAGED", "open_file", "read_file", "require_file", "there"]

#: What reading an archive or an array raises where the file is damaged. Besides the usual: an archive may be marked as
#: encrypted (RuntimeError) or packed by what Python lacks (NotImplementedError), and a header is evaluated as a literal
#: (SyntaxError) and may ask for more than there is (MemoryError, OverflowError).
DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, ValueError, LookupError, EOFError, RuntimeError, SyntaxError, MemoryError, OverflowError),
    *(TypeError, struct.error, lzma.LZMAError, zipfile.BadZipFile, zlib.error),
)

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
MOST_BYTES = 4 << 30  #: of a file that is read whole; the largest of the literature's texts has a tenth of it


def open_file(path: Path) -> BufferedReader:
    """Opens a regular file for reading, without waiting: opening a pipe would wait for ever for someone who writes.

    Args:
        path: of the file.

    Raises:
        OSError: it is not there, cannot be read, or is not a regular file; ``strerror`` says which. Its type is that
            of the operating system's error: ``FileNotFoundError`` for a missing file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError:
        raise OSError(22, "its name has a NUL character", str(path)) from None
    try:
        kind = stat.S_IFMT(os.fstat(handle).st_mode)
        if kind != stat.S_IFREG:
            raise OSError(  # noqa: TRY301 - the handle is closed below
                22, f"it is {_KINDS.get(kind, 'no regular file')}, not a file", str(path)
            )
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_file(path: Path, *, at_most: int = MOST_BYTES) -> bytes:
    """The content of a regular file.

    Args:
        path: of the file.
        at_most: bytes that it may have.

    Raises:
        OSError: as for :func:`open_file`, or it is larger.
    """
    with open_file(path) as file:
        content = file.read(min(at_most, os.fstat(file.fileno()).st_size) + 1)
        # Not by the stated size alone: files of /proc state none, and a file may grow while it is read.
        while len(content) <= at_most and (more := file.read(1 << 20)):
            content += more
        if len(content) > at_most or os.fstat(file.fileno()).st_size > at_most:
            raise OSError(27, f"it has more than {at_most >> 20} MiB", str(path))
    return content


def require_file(path: Path, what: str, *, hint: str = "name an existing file", or_folder: bool = False) -> Path:
    """The path, if it can be opened: for files that another reads, or that are read later.

    Args:
        path: of the file.
        what: what it is, for the error: ``model``, ``checkpoint``.
        hint: of the error.
        or_folder: whether a folder is as good.

    Raises:
        InputError: it is not there, cannot be read, or is neither a regular file nor what is as good.
    """
    try:
        if not (or_folder and path.is_dir()):
            open_file(path).close()
    except OSError as error:
        raise InputError(f"cannot read {what} {path}: {error.strerror or error}", hint=hint) from error
    return path


def there(path: Path) -> bool:
    """Whether anything has this name: a file, a broken link, a pipe. What it is, opening it tells."""
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL character in the name
        return False
