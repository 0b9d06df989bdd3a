"""The files of a submission: what may be in the folder, before any of it is opened."""

import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from robusthash.results.submission.description import FILE
from robusthash.results.submission.finding import Check, Finding

MOST_FILES = 10_000
MOST_BYTES = 100 << 20  #: of a file; GitHub takes none that is larger
MOST_UNPACKED = 1 << 30  #: bytes of the arrays in a file

_NAME = re.compile(r"[A-Za-z0-9_@+][A-Za-z0-9_.@+-]{0,150}")
_BESIDE = frozenset({FILE, "README.md", "LICENSE"})  #: what may lie in the folder beside results
_KINDS = (".json", ".npz")


def check_files(folder: Path) -> Iterator[Finding]:
    """What speaks against the files of a submission by their names, kinds and sizes. None of them is read.

    Args:
        folder: of the submission.
    """
    files = 0
    for place, folders, names in os.walk(folder):
        for name in sorted(folders + names):
            path = Path(place, name)
            found = path.lstat()
            if not _NAME.fullmatch(name):
                yield _finding(path, "its name is not made of letters, digits and _.@+-", "rename or remove it")
            if stat.S_ISDIR(found.st_mode):
                continue
            files += 1
            if not stat.S_ISREG(found.st_mode):
                yield _finding(path, "it is not a regular file", "remove it: links and devices are not read")
            elif path.suffix not in _KINDS and not (path.parent == folder and name in _BESIDE):
                yield _finding(path, "it is not a part of a results folder", "remove it; weights belong elsewhere")
            elif found.st_size > MOST_BYTES:
                size = f"{found.st_size >> 20} MiB, more than {MOST_BYTES >> 20}"
                yield _finding(path, f"it has {size}", "evaluate fewer queries, or on a smaller database")
            elif path.suffix == ".npz":
                yield from _packed(path)
        folders.sort()
        if files > MOST_FILES:
            yield _finding(folder, f"it has more than {MOST_FILES} files", "submit fewer records at once")
            return


def _packed(path: Path) -> Iterator[Finding]:
    """What speaks against an archive by the sizes that it states. Reading stops at a stated size."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(one.file_size for one in archive.infolist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        yield _finding(path, "it is not an archive of arrays", "evaluate again with --force")
        return
    if unpacked > MOST_UNPACKED:
        yield _finding(path, f"its arrays have {unpacked >> 20} MiB", f"at most {MOST_UNPACKED >> 20} MiB are unpacked")


def _finding(path: Path, message: str, hint: str) -> Finding:
    return Finding(check=Check.FILES, where=path, message=message, hint=hint)
