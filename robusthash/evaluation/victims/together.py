"""Files of the cache that processes make together."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from robusthash.contracts import Team
from robusthash.errors import StorageError
from robusthash.files.once import made_once

_T = TypeVar("_T")
_MAKE, _READ = "make", "read"  #: what the first process tells the others


def made_together(team: Team, path: Path, read: Callable[[], _T | None], make: Callable[[], _T]) -> tuple[_T, bool]:
    """What a file of the cache holds, and whether it was there. If it is not, all processes of a team make it.

    Args:
        team: the processes. The first one looks into the cache, and writes to it in ``make``.
        path: of the file.
        read: what it holds; None if it cannot be used and has to be made again.
        make: makes it in every process, and stores it in the first one. It returns once it is stored.

    Raises:
        StorageError: the cache cannot be written; or another process does not see it.
    """

    def asked() -> _T:
        team.agreed(_MAKE)
        return make()

    if team.rank == 0:
        found, there = made_once(path, read, asked)
        if there:
            team.agreed(_READ)
        return found, there
    if team.agreed("") == _MAKE:
        return make(), False
    known = read()
    if known is None:
        raise StorageError(
            f"process {team.rank} cannot read {path}, which the first process has found",
            hint="processes on several machines need one cache: set ROBUSTHASH_CACHE to a folder that all of them see",
        )
    return known, True
